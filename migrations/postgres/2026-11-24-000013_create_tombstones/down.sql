DROP TABLE tombstone_keys;
DROP TABLE tombstones;
DROP INDEX principals_by_deletion;
ALTER TABLE principals DROP COLUMN deleted_from;
