//! Providers that somebody else runs, for the users of an application.

use providers_tests::Kind;
use serde_json::json;

use super::{Keys, Row, of_entra, of_supabase, plain, with_certificates, without_algorithm};

pub(super) const ROWS: &[Row] = &[
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
];
