-- What people and programs are found by: names, user name and e-mail address, folded by the service. Searched by range, never by LIKE.
CREATE TABLE principal_terms (
    term TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    -- Whether the term is the whole e-mail address, perhaps among other things.
    is_email BOOLEAN NOT NULL,
    PRIMARY KEY (term, principal_id)
);

CREATE INDEX principal_terms_by_principal ON principal_terms (principal_id, term);

-- Whoever is here already. SQL folds not quite as the service does, which writes a principal's terms anew with its next change, be it that it was seen.
INSERT INTO principal_terms (term, principal_id, is_email)
SELECT lower(email), id, TRUE FROM principals WHERE email <> '';

INSERT INTO principal_terms (term, principal_id, is_email)
SELECT display_name_ci, id, FALSE FROM principals WHERE display_name_ci <> ''
UNION SELECT lower(given_name), id, FALSE FROM principals WHERE given_name <> ''
UNION SELECT lower(family_name), id, FALSE FROM principals WHERE family_name <> ''
UNION SELECT lower(username), id, FALSE FROM principals WHERE username <> ''
ON CONFLICT DO NOTHING;
