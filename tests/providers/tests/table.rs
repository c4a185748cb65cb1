//! What each provider publishes and issues, after its public documentation; all values are made up. `refused` and `accepted`
//! are changes to the good token: `null` takes a claim away.

#![expect(clippy::needless_pass_by_value, reason = "each shape takes the keys as they come")]

use std::time::{Duration, SystemTime};

use providers_tests::Kind;
use serde_json::{Value, json};

/// A provider, and the recipe for it.
pub(crate) struct Row {
    pub(crate) page: &'static str,
    pub(crate) kind: Kind,
    pub(crate) kid: &'static str,
    pub(crate) keys: Keys,
    /// What is in the header of a token beside `alg` and `kid`.
    pub(crate) header: fn() -> Value,
    /// The header field of the request that has the token.
    pub(crate) field: &'static str,
    pub(crate) access_token: fn() -> Value,
    pub(crate) refused: fn() -> Vec<(&'static str, Value)>,
    pub(crate) accepted: fn() -> Vec<(&'static str, Value)>,
}

/// How keys are published.
pub(crate) enum Keys {
    /// As a set, at that address; the metadata of each issuer is at its place.
    Set {
        issuers: &'static [(&'static str, &'static str)],
        address: &'static str,
        shape: fn(Vec<Value>) -> Value,
        bearer: Option<&'static str>,
    },
    /// Each alone, as PEM.
    Pem,
}

/// `base` with these members; `null` takes one away.
pub(crate) fn merged(base: &Value, change: &Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in change.as_object().into_iter().flatten() {
        if value.is_null() {
            whole.as_object_mut().unwrap().remove(name);
        } else {
            whole[name] = value.clone();
        }
    }
    whole
}

/// Made now, and good for a day.
pub(crate) fn times() -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    json!({"iat": now.as_secs(), "exp": (now + Duration::from_secs(86_400)).as_secs()})
}

fn plain(keys: Vec<Value>) -> Value {
    json!({"keys": keys})
}

/// Each key with what `change` says.
fn each(keys: &[Value], change: &Value) -> Vec<Value> {
    keys.iter().map(|key| merged(key, change)).collect()
}

fn with_certificates(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"x5t": "dGh1bWJwcmludA", "x5c": ["MIIC"], "x5t#S256": "dGh1bWJwcmludA"})))
}

fn of_entra(keys: Vec<Value>) -> Value {
    let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
    plain(each(&keys, &json!({"alg": null, "x5t": "dGh1bWJwcmludA", "x5c": ["MIIC"], "issuer": issuer})))
}

fn without_algorithm(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"alg": null, "nbf": 1_493_763_266})))
}

fn without_use(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"use": null})))
}

fn of_supabase(keys: Vec<Value>) -> Value {
    plain(each(&keys, &json!({"key_ops": ["verify"], "ext": true})))
}

/// Keycloak publishes a key for encryption as well.
fn with_encryption_key(keys: Vec<Value>) -> Value {
    let encrypts = merged(&keys[0], &json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}));
    plain(std::iter::once(encrypts).chain(each(&keys, &json!({"x5c": ["MIIC"]}))).collect())
}

fn of_cloudflare(keys: Vec<Value>) -> Value {
    let certificates: Vec<Value> = keys.iter().map(|key| json!({"kid": key["kid"], "cert": "-----BEGIN …"})).collect();
    json!({"keys": keys, "public_cert": certificates[0], "public_certs": certificates})
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        page: "auth0",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[("https://acme.eu.auth0.com/.well-known/openid-configuration", "https://acme.eu.auth0.com/")],
            address: "https://acme.eu.auth0.com/.well-known/jwks.json",
            shape: with_certificates,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://acme.eu.auth0.com/", "sub": "auth0|65f0c1", "aud": ["https://api.example.com", "https://acme.eu.auth0.com/userinfo"], "azp": "CLIENT", "scope": "openid profile read:orders", "permissions": ["read:orders"]}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"aud": "CLIENT", "nonce": "n", "sid": "s", "scope": null, "permissions": null, "azp": null, "name": "Alice"}),
                ),
                ("another tenant", json!({"iss": "https://umbrella.eu.auth0.com/"})),
                ("another API", json!({"aud": "https://other.example.com"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "keycloak",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://sso.example.com/realms/acme/.well-known/openid-configuration",
                "https://sso.example.com/realms/acme",
            )],
            address: "https://sso.example.com/realms/acme/protocol/openid-connect/certs",
            shape: with_encryption_key,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://sso.example.com/realms/acme", "sub": "f4c1", "aud": ["orders", "account"], "typ": "Bearer", "azp": "shop", "sid": "s", "acr": "1", "scope": "openid email", "realm_access": {"roles": ["clerk"]}, "resource_access": {"account": {"roles": ["view-profile"]}}}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"aud": "shop", "typ": "ID", "at_hash": "h", "nonce": "n", "auth_time": 1, "scope": null}),
                ),
                ("another realm", json!({"iss": "https://sso.example.com/realms/umbrella"})),
                ("no audience mapper", json!({"aud": "account"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "entra",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/.well-known/openid-configuration",
                "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            )],
            address: "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/discovery/v2.0/keys",
            shape: of_entra,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "sub": "AAAA", "aud": "CLIENT-ID-OF-THE-API", "oid": "o", "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "azp": "CLIENT", "azpacr": "1", "scp": "orders.read", "ver": "2.0", "uti": "u", "rh": "0."}),
        refused: || {
            vec![
                ("an ID token", json!({"aud": "CLIENT", "nonce": "n", "azp": null, "scp": null, "name": "Alice"})),
                (
                    "another tenant",
                    json!({"iss": "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0", "tid": "11111111-2222-4333-8444-555555555555"}),
                ),
                (
                    "a token of version 1.0",
                    json!({"iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", "ver": "1.0"}),
                ),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "entra-v1",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/.well-known/openid-configuration",
                "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
            )],
            address: "https://login.microsoftonline.com/common/discovery/keys",
            shape: of_entra,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", "sub": "AAAA", "aud": "api://CLIENT-ID-OF-THE-API", "oid": "o", "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "appid": "CLIENT", "appidacr": "1", "scp": "orders.read", "ver": "1.0", "uti": "u", "unique_name": "alice@acme.example"}),
        refused: || {
            vec![
                ("an ID token", json!({"aud": "CLIENT", "nonce": "n", "appid": null, "scp": null})),
                ("an ID token of the API itself, without a nonce", json!({"appid": null, "scp": null})),
                (
                    "another tenant",
                    json!({"iss": "https://sts.windows.net/11111111-2222-4333-8444-555555555555/", "tid": "11111111-2222-4333-8444-555555555555"}),
                ),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "entra-all-tenants",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[
                (
                    "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/.well-known/openid-configuration",
                    "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                ),
                (
                    "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/.well-known/openid-configuration",
                    "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
                ),
            ],
            address: "https://login.microsoftonline.com/common/discovery/keys",
            shape: of_entra,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "sub": "AAAA", "aud": "CLIENT-ID-OF-THE-API", "oid": "o", "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "azp": "CLIENT", "scp": "orders.read", "ver": "2.0"}),
        refused: || {
            vec![
                ("an ID token", json!({"aud": "CLIENT", "nonce": "n", "azp": null, "scp": null})),
                (
                    "a tenant that is no customer",
                    json!({"iss": "https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0", "tid": "11111111-2222-4333-8444-555555555555"}),
                ),
                (
                    "the issuer of the metadata of all",
                    json!({"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"}),
                ),
            ]
        },
        accepted: || {
            vec![(
                "version 1.0",
                json!({"iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", "aud": "api://CLIENT-ID-OF-THE-API", "ver": "1.0", "azp": null, "appid": "CLIENT"}),
            )]
        },
    },
    Row {
        page: "azure-b2c",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://acme.b2clogin.com/acme.onmicrosoft.com/b2c_1_signin/discovery/v2.0/keys",
            shape: without_algorithm,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://acme.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/", "sub": "u", "aud": "CLIENT-ID-OF-THE-API", "tfp": "B2C_1_signin", "scp": "read", "azp": "CLIENT", "ver": "1.0", "auth_time": 1}),
        refused: || {
            vec![
                ("an ID token", json!({"aud": "CLIENT", "nonce": "n", "scp": null, "azp": null})),
                ("an ID token of the API itself", json!({"scp": null, "azp": null})),
                (
                    "another tenant",
                    json!({"iss": "https://umbrella.b2clogin.com/11111111-2222-4333-8444-555555555555/v2.0/"}),
                ),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "google",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[("https://accounts.google.com/.well-known/openid-configuration", "https://accounts.google.com")],
            address: "https://www.googleapis.com/oauth2/v3/certs",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://accounts.google.com", "azp": "….apps.googleusercontent.com", "aud": "….apps.googleusercontent.com", "sub": "1234", "hd": "acme.example", "email": "alice@acme.example", "email_verified": true, "at_hash": "h", "nonce": "n"}),
        refused: || {
            vec![
                ("the token of another client", json!({"aud": "other.apps.googleusercontent.com"})),
                ("another issuer", json!({"iss": "https://accounts.google.com.example"})),
            ]
        },
        accepted: || vec![("the other name", json!({"iss": "accounts.google.com"}))],
    },
    Row {
        page: "cognito",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI/.well-known/openid-configuration",
                "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
            )],
            address: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI/.well-known/jwks.json",
            shape: plain,
            bearer: None,
        },
        header: || json!({}),
        field: "authorization",
        access_token: || json!({"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI", "sub": "u", "client_id": "APP-CLIENT-ID", "token_use": "access", "scope": "aws.cognito.signin.user.admin", "auth_time": 1, "jti": "j", "origin_jti": "o", "event_id": "e", "version": 2, "username": "alice", "cognito:groups": ["clerks"]}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"aud": "APP-CLIENT-ID", "token_use": "id", "client_id": null, "scope": null, "cognito:username": "alice"}),
                ),
                ("an ID token that names a client", json!({"token_use": "id"})),
                ("another app client", json!({"client_id": "OTHER"})),
                (
                    "another pool",
                    json!({"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Zzzzzzzzz"}),
                ),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "okta",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://acme.okta.com/oauth2/default/.well-known/openid-configuration",
                "https://acme.okta.com/oauth2/default",
            )],
            address: "https://acme.okta.com/oauth2/default/v1/keys",
            shape: plain,
            bearer: None,
        },
        header: || json!({}),
        field: "authorization",
        access_token: || json!({"ver": 1, "jti": "AT.j", "iss": "https://acme.okta.com/oauth2/default", "aud": "api://default", "cid": "CLIENT", "uid": "00u1", "scp": ["openid", "orders.read"], "auth_time": 1, "sub": "alice@acme.example"}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"aud": "CLIENT", "cid": null, "uid": null, "scp": null, "nonce": "n", "at_hash": "h", "idp": "00o1", "amr": ["pwd"]}),
                ),
                ("another authorization server", json!({"iss": "https://acme.okta.com/oauth2/aus1"})),
                ("another organization", json!({"iss": "https://umbrella.okta.com/oauth2/default"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "apple",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[("https://appleid.apple.com/.well-known/openid-configuration", "https://appleid.apple.com")],
            address: "https://appleid.apple.com/auth/keys",
            shape: plain,
            bearer: None,
        },
        header: || json!({}),
        field: "authorization",
        access_token: || json!({"iss": "https://appleid.apple.com", "aud": "com.example.app", "sub": "001234.abc.0123", "c_hash": "h", "nonce": "n", "email": "x@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true", "auth_time": 1, "nonce_supported": true}),
        refused: || {
            vec![
                ("the token of another app", json!({"aud": "com.umbrella.app"})),
                ("another issuer", json!({"iss": "https://appleid.apple.com.example"})),
            ]
        },
        accepted: || vec![("a boolean", json!({"email_verified": true}))],
    },
    Row {
        page: "firebase",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://securetoken.google.com/acme-prod/.well-known/openid-configuration",
                "https://securetoken.google.com/acme-prod",
            )],
            address: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://securetoken.google.com/acme-prod", "aud": "acme-prod", "auth_time": 1, "user_id": "u", "sub": "u", "email": "alice@acme.example", "email_verified": true, "firebase": {"identities": {"email": ["alice@acme.example"]}, "sign_in_provider": "password"}}),
        refused: || {
            vec![
                ("another project", json!({"iss": "https://securetoken.google.com/umbrella", "aud": "umbrella"})),
                ("a session cookie", json!({"iss": "https://session.firebase.google.com/acme-prod"})),
                ("an ID token of Google", json!({"iss": "https://accounts.google.com", "aud": "CLIENT"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "supabase",
        kind: Kind::Es256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://abcdefghijkl.supabase.co/auth/v1/.well-known/jwks.json",
            shape: of_supabase,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://abcdefghijkl.supabase.co/auth/v1", "aud": "authenticated", "sub": "u", "role": "authenticated", "email": "alice@acme.example", "session_id": "s", "aal": "aal1", "amr": [{"method": "password", "timestamp": 1}], "app_metadata": {"provider": "email"}, "user_metadata": {}, "is_anonymous": false}),
        refused: || {
            vec![
                (
                    "the key of the project",
                    json!({"iss": "supabase", "ref": "abcdefghijkl", "role": "anon", "aud": null, "session_id": null}),
                ),
                ("another project", json!({"iss": "https://zzzzzzzzzzzz.supabase.co/auth/v1"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "clerk",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[("https://clerk.example.com/.well-known/openid-configuration", "https://clerk.example.com")],
            address: "https://clerk.example.com/.well-known/jwks.json",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT", "cat": "cl_1"}),
        field: "authorization",
        access_token: || json!({"iss": "https://clerk.example.com", "sub": "user_1", "azp": "https://app.example.com", "sid": "sess_1", "sts": "active", "fva": [1, -1], "v": 2, "nbf": 1}),
        refused: || {
            vec![
                ("a page of another origin", json!({"azp": "https://evil.example.com"})),
                ("an ID token", json!({"aud": "CLIENT", "azp": "CLIENT", "sid": null, "nonce": "n", "at_hash": "h"})),
                ("another instance", json!({"iss": "https://clerk.umbrella.example"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "better-auth",
        kind: Kind::EdDsa,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://app.example.com/api/auth/jwks",
            shape: without_use,
            bearer: None,
        },
        header: || json!({}),
        field: "authorization",
        access_token: || json!({"iss": "https://app.example.com", "aud": "https://app.example.com", "sub": "u", "name": "Alice", "email": "alice@acme.example", "emailVerified": true, "createdAt": "2026-01-01T00:00:00.000Z", "id": "u"}),
        refused: || {
            vec![
                ("an ID token of its OpenID provider", json!({"aud": "CLIENT", "nonce": "n"})),
                (
                    "another application",
                    json!({"iss": "https://app.umbrella.example", "aud": "https://app.umbrella.example"}),
                ),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "cloudflare-access",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://acme.cloudflareaccess.com/cdn-cgi/access/certs",
            shape: of_cloudflare,
            bearer: None,
        },
        header: || json!({}),
        field: "cf-access-jwt-assertion",
        access_token: || json!({"iss": "https://acme.cloudflareaccess.com", "aud": ["4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"], "sub": "u", "email": "alice@acme.example", "type": "app", "identity_nonce": "n", "country": "DE", "nbf": 1}),
        refused: || {
            vec![
                (
                    "another application",
                    json!({"aud": ["0000c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"]}),
                ),
                ("another organization", json!({"iss": "https://umbrella.cloudflareaccess.com"})),
                ("the token of the organization", json!({"aud": null, "type": "org"})),
            ]
        },
        accepted: || {
            vec![(
                "a service token",
                json!({"sub": "", "common_name": "e367826f93b8d71185e03fe518aff3b4.access", "email": null, "identity_nonce": null, "country": null}),
            )]
        },
    },
    Row {
        page: "aws-alb",
        kind: Kind::Es256,
        kid: "14d8bfa3-b2c1-4a3e-9f0e-3c1c6d5b7a90",
        keys: Keys::Pem,
        header: || json!({"typ": "JWT", "iss": "https://login.example.com", "client": "CLIENT", "signer": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188", "exp": 4_000_000_000_u64}),
        field: "x-amzn-oidc-data",
        access_token: || json!({"iss": "https://login.example.com", "sub": "u", "email": "alice@acme.example", "email_verified": "true", "username": "alice"}),
        refused: || {
            vec![
                ("another provider behind it", json!({"iss": "https://login.umbrella.example"})),
                ("an ID token of the provider", json!({"nonce": "n", "at_hash": "h", "aud": "CLIENT"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "google-iap",
        kind: Kind::Es256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://www.gstatic.com/iap/verify/public_key-jwk",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "x-goog-iap-jwt-assertion",
        access_token: || json!({"iss": "https://cloud.google.com/iap", "aud": "/projects/1234567890/global/backendServices/9876543210", "sub": "accounts.google.com:1234", "email": "alice@acme.example", "hd": "acme.example", "google": {"access_levels": []}}),
        refused: || {
            vec![
                ("another service", json!({"aud": "/projects/1234567890/global/backendServices/1"})),
                (
                    "an ID token of Google",
                    json!({"iss": "https://accounts.google.com", "aud": "CLIENT", "at_hash": "h"}),
                ),
                ("another project", json!({"aud": "/projects/666/global/backendServices/9876543210"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "github-actions",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://token.actions.githubusercontent.com/.well-known/openid-configuration",
                "https://token.actions.githubusercontent.com",
            )],
            address: "https://token.actions.githubusercontent.com/.well-known/jwks",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT", "x5t": "t"}),
        field: "authorization",
        access_token: || json!({"iss": "https://token.actions.githubusercontent.com", "aud": "https://deploy.example.com", "jti": "j", "sub": "repo:acme/shop:ref:refs/heads/main", "repository": "acme/shop", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65", "repository_visibility": "private", "ref": "refs/heads/main", "ref_type": "branch", "sha": "s", "workflow": "deploy", "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "event_name": "push", "actor": "alice", "run_id": "1", "run_attempt": "1", "nbf": 1}),
        refused: || {
            vec![
                (
                    "another owner",
                    json!({"repository_owner_id": "66", "repository_owner": "mallory", "sub": "repo:mallory/shop:ref:refs/heads/main"}),
                ),
                (
                    "another branch",
                    json!({"ref": "refs/heads/feature", "sub": "repo:acme/shop:ref:refs/heads/feature"}),
                ),
                ("for somebody else", json!({"aud": "https://github.com/acme"})),
                ("another server", json!({"iss": "https://github.umbrella.example/_services/token"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "kubernetes",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://kubernetes.default.svc/openid/v1/jwks",
            shape: plain,
            bearer: Some("the-token-of-this-pod"),
        },
        header: || json!({}),
        field: "authorization",
        access_token: || json!({"iss": "https://kubernetes.default.svc.cluster.local", "aud": ["orders"], "sub": "system:serviceaccount:shop:cart", "nbf": 1, "jti": "j", "kubernetes.io": {"namespace": "shop", "node": {"name": "n", "uid": "u"}, "pod": {"name": "cart-0", "uid": "u"}, "serviceaccount": {"name": "cart", "uid": "u"}}}),
        refused: || {
            vec![
                ("the token for the API server", json!({"aud": ["https://kubernetes.default.svc.cluster.local"]})),
                (
                    "another namespace",
                    json!({"sub": "system:serviceaccount:lab:cart", "kubernetes.io": {"namespace": "lab", "serviceaccount": {"name": "cart", "uid": "u"}}}),
                ),
                ("another cluster", json!({"iss": "https://oidc.umbrella.example/cluster"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "line",
        kind: Kind::Es256,
        kid: "k1",
        keys: Keys::Set { issuers: &[], address: "https://api.line.me/oauth2/v2.1/certs", shape: plain, bearer: None },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://access.line.me", "sub": "U1234", "aud": "1234567890", "nonce": "n", "amr": ["linesso"], "name": "Alice", "picture": "https://profile.line-scdn.net/p"}),
        refused: || {
            vec![
                ("another channel", json!({"aud": "9876543210"})),
                ("another issuer", json!({"iss": "https://access.umbrella.example"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "atlassian",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "forge/invocation-token", "aud": "ari:cloud:ecosystem::app/8db33309-2f1a-4b3b-9d2c-6d0f8f4a7e11", "jti": "j", "nbf": 1, "app": {"id": "ari:cloud:ecosystem::app/8db33309-2f1a-4b3b-9d2c-6d0f8f4a7e11", "version": "4", "installationId": "ari:cloud:ecosystem::installation/i", "apiBaseUrl": "https://api.atlassian.com/ex/jira/c", "environment": {"type": "PRODUCTION", "id": "e"}, "module": {"type": "xen:macro", "key": "m"}}, "context": {"cloudId": "c"}, "principal": "712020:p"}),
        refused: || {
            vec![
                ("another app", json!({"aud": "ari:cloud:ecosystem::app/00000000-2f1a-4b3b-9d2c-6d0f8f4a7e11"})),
                ("another issuer", json!({"iss": "forge/other-token"})),
            ]
        },
        accepted: || vec![("a call of the backend", json!({"context": null, "principal": null}))],
    },
    Row {
        page: "zitadel",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://acme-abcdef.zitadel.cloud/.well-known/openid-configuration",
                "https://acme-abcdef.zitadel.cloud",
            )],
            address: "https://acme-abcdef.zitadel.cloud/oauth/v2/keys",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://acme-abcdef.zitadel.cloud", "aud": ["290123456789012346", "290123456789012345"], "sub": "u", "client_id": "290123456789012346", "jti": "j", "nbf": 1, "urn:zitadel:iam:org:project:roles": {"clerk": {"290": "acme.zitadel.cloud"}}}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"client_id": null, "azp": "290123456789012346", "at_hash": "h", "nonce": "n", "amr": ["pwd"], "auth_time": 1}),
                ),
                ("another project", json!({"aud": ["290123456789012346"]})),
                ("another instance", json!({"iss": "https://umbrella-abcdef.zitadel.cloud"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "authentik",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://sso.example.com/application/o/orders/.well-known/openid-configuration",
                "https://sso.example.com/application/o/orders/",
            )],
            address: "https://sso.example.com/application/o/orders/jwks/",
            shape: with_certificates,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://sso.example.com/application/o/orders/", "aud": "CLIENT-ID", "sub": "u", "auth_time": 1, "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd", "mfa"], "nonce": "n", "sid": "s", "azp": "CLIENT-ID", "uid": "i", "groups": ["clerks"]}),
        refused: || {
            vec![
                ("an ID token", json!({"uid": null, "azp": null})),
                ("an ID token of a refresh", json!({"uid": null, "azp": null, "at_hash": "h"})),
                (
                    "another application",
                    json!({"iss": "https://sso.example.com/application/o/billing/", "aud": "OTHER", "azp": "OTHER"}),
                ),
            ]
        },
        accepted: || vec![("one without a login", json!({"nonce": null, "sid": null, "amr": null, "groups": null}))],
    },
    Row {
        page: "ory",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[(
                "https://acme-abcdef.projects.oryapis.com/.well-known/openid-configuration",
                "https://acme-abcdef.projects.oryapis.com",
            )],
            address: "https://acme-abcdef.projects.oryapis.com/.well-known/jwks.json",
            shape: plain,
            bearer: None,
        },
        header: || json!({"typ": "JWT"}),
        field: "authorization",
        access_token: || json!({"iss": "https://acme-abcdef.projects.oryapis.com", "aud": ["https://api.example.com"], "sub": "u", "client_id": "CLIENT", "jti": "j", "nbf": 1, "ext": {}, "scp": ["openid", "orders.read"]}),
        refused: || {
            vec![
                (
                    "an ID token",
                    json!({"aud": ["CLIENT"], "client_id": null, "scp": null, "at_hash": "h", "auth_time": 1, "rat": 1, "sid": "s"}),
                ),
                ("a token for nobody", json!({"aud": []})),
                ("another project", json!({"iss": "https://umbrella-abcdef.projects.oryapis.com"})),
            ]
        },
        accepted: || Vec::new(),
    },
    Row {
        page: "fusionauth",
        kind: Kind::Rs256,
        kid: "k1",
        keys: Keys::Set {
            issuers: &[],
            address: "https://auth.example.com/.well-known/jwks.json",
            shape: with_certificates,
            bearer: None,
        },
        header: || json!({"typ": "JWT", "gty": ["authorization_code"]}),
        field: "authorization",
        access_token: || json!({"iss": "acme.com", "aud": "3c219e58-ed0e-4b18-ad48-f4f92793ae32", "sub": "u", "jti": "j", "authenticationType": "PASSWORD", "applicationId": "3c219e58-ed0e-4b18-ad48-f4f92793ae32", "email": "alice@acme.example", "email_verified": true, "tid": "t", "roles": ["clerk"], "scope": "openid", "sid": "s", "auth_time": 1}),
        refused: || {
            vec![
                ("an ID token", json!({"at_hash": "h", "nonce": "n", "scope": null})),
                ("another application", json!({"aud": "00000000-ed0e-4b18-ad48-f4f92793ae32"})),
                ("another tenant", json!({"iss": "umbrella.example", "tid": "other"})),
            ]
        },
        accepted: || Vec::new(),
    },
];
