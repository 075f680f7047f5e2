DROP TABLE key_sets;
