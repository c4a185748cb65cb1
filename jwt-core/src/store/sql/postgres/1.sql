-- What a PostgresStore remembers, version 1. `PostgresStore::migrate` applies this file. To do so by hand, first
-- `CREATE SCHEMA jwt`, and run each file in a transaction of its own, with another name in the place of `jwt` where
-- the store has one. Moments are milliseconds since the epoch. In the columns `subject`, `label` and `issuer`, `\0` is the
-- character U+0000, which PostgreSQL has no text with, and `\\` is a backslash.

CREATE TABLE jwt.schema_version (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jwt.sign_ins (
    owner bytea NOT NULL,
    id bytea NOT NULL,
    secret bytea NOT NULL,
    rotated_from bytea,
    rotated_salt bytea,
    rotated_at bigint,
    created_at bigint NOT NULL,
    used_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    subject text NOT NULL,
    label text NOT NULL,
    data text NOT NULL,
    options text NOT NULL,
    PRIMARY KEY (owner, id)
) WITH (fillfactor = 80);

-- Of `ends_at` and not of `expires_at`: a use changes the latter, and would have to write the index too.
CREATE INDEX sign_ins_by_end ON jwt.sign_ins (ends_at);

CREATE TABLE jwt.revocations (
    number bigint PRIMARY KEY,
    entry text NOT NULL,
    forget_at bigint NOT NULL,
    -- Issuer and subject, where the entry is for all tokens of a subject, and the moment that `iat` is compared with.
    subject text,
    not_before bigint
);

-- Hashes, since these may be longer than a B-tree takes.
CREATE INDEX revocations_by_entry ON jwt.revocations USING hash (entry);
CREATE INDEX revocations_by_subject ON jwt.revocations USING hash (subject) WHERE subject IS NOT NULL;
CREATE INDEX revocations_by_end ON jwt.revocations (forget_at);

-- One row: the last number that was given, and how many entries there are. Whoever adds an entry holds the lock of this
-- row until the entry is visible, so that no entry becomes visible before one with a lower number.
CREATE TABLE jwt.revocation_log (
    last bigint NOT NULL,
    entries bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO jwt.revocation_log (last, entries) VALUES (0, 0);

CREATE TABLE jwt.proofs (
    key bytea NOT NULL,
    id bytea NOT NULL,
    until bigint NOT NULL,
    attempt bytea NOT NULL,
    PRIMARY KEY (key, id)
);

CREATE INDEX proofs_by_end ON jwt.proofs (until);

CREATE TABLE jwt.tenants (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issuer text NOT NULL
);

-- Adds a sign-in. Of the others of its owner, those that have expired go, and the oldest, so that `_keep` are left. The
-- lock is of the transaction, so a pool of connections may give the next one to somebody else.
CREATE FUNCTION jwt.insert_sign_in(
    _now bigint, _keep bigint, _sweep bigint, _owner bytea, _id bytea, _secret bytea, _rotated_from bytea, _rotated_salt bytea,
    _rotated_at bigint, _created_at bigint, _used_at bigint, _expires_at bigint, _ends_at bigint, _subject text,
    _label text, _data text, _options text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE feature_not_supported USING MESSAGE =
            'jwt-core needs transactions that are READ COMMITTED or SERIALIZABLE: set default_transaction_isolation';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('jwt.sign_ins ' || encode(_owner, 'hex'), 0));
    DELETE FROM jwt.sign_ins WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM jwt.sign_ins WHERE ends_at <= _now AND expires_at <= _now
        ORDER BY ends_at LIMIT _sweep FOR UPDATE SKIP LOCKED
    ));
    DELETE FROM jwt.sign_ins WHERE owner = _owner AND (expires_at <= _now OR id = ANY (ARRAY(
        SELECT id FROM jwt.sign_ins WHERE owner = _owner AND expires_at > _now AND id <> _id
        ORDER BY created_at DESC OFFSET _keep - 1
    )));
    INSERT INTO jwt.sign_ins (
        owner, id, secret, rotated_from, rotated_salt, rotated_at, created_at, used_at, expires_at, ends_at, subject,
        label, data, options
    ) VALUES (
        _owner, _id, _secret, _rotated_from, _rotated_salt, _rotated_at, _created_at, _used_at, _expires_at, _ends_at,
        _subject, _label, _data, _options
    ) ON CONFLICT (owner, id) DO UPDATE SET
        secret = excluded.secret, rotated_from = excluded.rotated_from, rotated_salt = excluded.rotated_salt,
        rotated_at = excluded.rotated_at, created_at = excluded.created_at, used_at = excluded.used_at,
        expires_at = excluded.expires_at, ends_at = excluded.ends_at, subject = excluded.subject,
        label = excluded.label, data = excluded.data, options = excluded.options;
END
$$;

-- Adds an entry to the log, in the place of the same one and of one that it replaces. False where there is no room.
CREATE FUNCTION jwt.add_revocation(
    _now bigint, _room bigint, _sweep bigint, _entry text, _forget_at bigint, _subject text, _not_before bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _last bigint;
    _entries bigint;
    _forgotten bigint;
    _replaced bigint;
BEGIN
    SELECT last, entries INTO _last, _entries FROM jwt.revocation_log FOR UPDATE;
    DELETE FROM jwt.revocations WHERE number = ANY (ARRAY(
        SELECT number FROM jwt.revocations WHERE forget_at <= _now ORDER BY forget_at LIMIT _sweep
    ));
    GET DIAGNOSTICS _forgotten = ROW_COUNT;
    DELETE FROM jwt.revocations WHERE number = ANY (ARRAY(
        SELECT number FROM jwt.revocations WHERE entry = _entry
        UNION ALL
        SELECT number FROM jwt.revocations
        WHERE subject = _subject AND not_before <= _not_before AND forget_at <= _forget_at
    ));
    GET DIAGNOSTICS _replaced = ROW_COUNT;
    _entries := _entries - _forgotten - _replaced;
    IF _replaced = 0 AND _entries >= _room THEN
        UPDATE jwt.revocation_log SET entries = _entries;
        RETURN false;
    END IF;
    -- Microseconds, so that the numbers go on rising even if the last ones were lost in a failover.
    _last := greatest(_last + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    UPDATE jwt.revocation_log SET last = _last, entries = _entries + 1;
    INSERT INTO jwt.revocations (number, entry, forget_at, subject, not_before)
    VALUES (_last, _entry, _forget_at, _subject, _not_before);
    PERFORM pg_notify('jwt.revocations', '');
    RETURN true;
END
$$;

-- Remembers a used proof. 1 for the first use, 0 for another one, -1 where the key has as many as it may.
CREATE FUNCTION jwt.use_proof(
    _now bigint, _sweep bigint, _key bytea, _id bytea, _until bigint, _attempt bytea, _limit bigint
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    _known jwt.proofs%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('jwt.proofs ' || encode(_key, 'hex'), 0));
    SELECT * INTO _known FROM jwt.proofs WHERE key = _key AND id = _id;
    IF _known.until >= _now THEN
        RETURN CASE WHEN _known.attempt = _attempt THEN 1 ELSE 0 END;
    END IF;
    DELETE FROM jwt.proofs WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM jwt.proofs WHERE until < _now ORDER BY until LIMIT _sweep FOR UPDATE SKIP LOCKED
    ));
    IF _known.key IS NULL AND (SELECT count(*) FROM jwt.proofs WHERE key = _key) >= _limit THEN
        DELETE FROM jwt.proofs WHERE key = _key AND until < _now;
        IF (SELECT count(*) FROM jwt.proofs WHERE key = _key) >= _limit THEN
            RETURN -1;
        END IF;
    END IF;
    INSERT INTO jwt.proofs (key, id, until, attempt) VALUES (_key, _id, _until, _attempt)
    ON CONFLICT (key, id) DO UPDATE SET until = excluded.until, attempt = excluded.attempt;
    RETURN 1;
END
$$;

-- Adds the name of a tenant as the last one, and keeps as many.
CREATE FUNCTION jwt.add_tenant(_issuer text, _keep bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('jwt.tenants', 0));
    DELETE FROM jwt.tenants WHERE issuer = _issuer;
    INSERT INTO jwt.tenants (issuer) VALUES (_issuer);
    DELETE FROM jwt.tenants WHERE number IN (SELECT number FROM jwt.tenants ORDER BY number DESC OFFSET _keep);
END
$$;

INSERT INTO jwt.schema_version (version) VALUES (1);
