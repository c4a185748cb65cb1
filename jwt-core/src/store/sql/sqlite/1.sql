-- What a SqliteStore remembers, version 1. `jwt_` is the prefix of the tables. Moments are milliseconds since the epoch.

CREATE TABLE jwt_sign_ins (
    owner BLOB NOT NULL,
    id BLOB NOT NULL,
    secret BLOB NOT NULL,
    rotated_from BLOB,
    rotated_salt BLOB,
    rotated_at INTEGER,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    subject TEXT NOT NULL,
    label TEXT NOT NULL,
    data TEXT NOT NULL,
    options TEXT NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

-- Of `ends_at` and not of `expires_at`: a use changes the latter, and would have to write the index too.
CREATE INDEX jwt_sign_ins_by_end ON jwt_sign_ins (ends_at);

CREATE TABLE jwt_revocations (
    number INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    forget_at INTEGER NOT NULL,
    -- Issuer and subject, where the entry is for all tokens of a subject, and the moment that `iat` is compared with.
    subject TEXT,
    not_before INTEGER
) STRICT;

CREATE INDEX jwt_revocations_by_entry ON jwt_revocations (entry);
CREATE INDEX jwt_revocations_by_end ON jwt_revocations (forget_at);
CREATE INDEX jwt_revocations_by_subject ON jwt_revocations (subject) WHERE subject IS NOT NULL;

-- One row: the last number that was given, and how many entries there are.
CREATE TABLE jwt_revocation_log (
    last INTEGER NOT NULL,
    entries INTEGER NOT NULL
) STRICT;

INSERT INTO jwt_revocation_log (last, entries) VALUES (0, 0);

CREATE TABLE jwt_proofs (
    key BLOB NOT NULL,
    id BLOB NOT NULL,
    until INTEGER NOT NULL,
    attempt BLOB NOT NULL,
    PRIMARY KEY (key, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX jwt_proofs_by_end ON jwt_proofs (until);

CREATE TABLE jwt_tenants (
    number INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL UNIQUE
) STRICT;
