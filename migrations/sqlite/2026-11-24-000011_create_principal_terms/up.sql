-- Search terms of principals: names, user name and e-mail address, case-folded by the service. Searched by range, never with LIKE.
CREATE TABLE principal_terms (
    term TEXT NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    -- Whether the term is the whole e-mail address; it can be another term too.
    is_email BOOLEAN NOT NULL,
    PRIMARY KEY (term, principal_id)
) WITHOUT ROWID;

CREATE INDEX principal_terms_by_principal ON principal_terms (principal_id, term);

-- The terms of existing principals. SQL folds ASCII only; the service rewrites the terms with the next change of the principal, such as an
-- update of the time at which it was last seen.
INSERT INTO principal_terms (term, principal_id, is_email)
SELECT lower(email), id, TRUE FROM principals WHERE email <> '';

INSERT OR IGNORE INTO principal_terms (term, principal_id, is_email)
SELECT display_name_ci, id, FALSE FROM principals WHERE display_name_ci <> ''
UNION SELECT lower(given_name), id, FALSE FROM principals WHERE given_name <> ''
UNION SELECT lower(family_name), id, FALSE FROM principals WHERE family_name <> ''
UNION SELECT lower(username), id, FALSE FROM principals WHERE username <> '';
