DROP TABLE identities;
DROP TABLE principals;
