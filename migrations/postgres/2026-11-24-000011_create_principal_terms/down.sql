DROP TABLE principal_terms;
