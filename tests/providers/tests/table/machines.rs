//! Gateways in front of a service, and identities of machines.

use providers_tests::Kind;
use serde_json::json;

use super::{Keys, Row, of_cloudflare, plain};

pub(super) const ROWS: &[Row] = &[
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
];
