DROP TABLE key_set_turns;
