//! Providers that one can run.

use providers_tests::Kind;
use serde_json::json;

use super::{Keys, Row, plain, with_certificates, with_encryption_key, without_use};

pub(super) const ROWS: &[Row] = &[
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
