DROP INDEX principals_by_change;
DROP TABLE key_set_turns;
