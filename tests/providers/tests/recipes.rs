//! For each provider: a good access token passes, an ID token and the token of another tenant do not, and a rotation is
//! followed.

use std::time::Duration;

use jwt_core::{Algorithm, Authenticator, RemoteKeySet, providers};
use providers_tests::{Fake, Kind, Recipe, Signer, replace_loaded_keys};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::table::{Keys, Row, merged, rows, times};

const SECRET: &[u8] = b"the secret that all services of the project know";
/// Longer than a set of keys is left alone after a fetch.
const LATER: Duration = Duration::from_secs(120);

/// The provider of a row, in front of its recipe.
struct Tried {
    row: &'static Row,
    fake: Fake,
    recipe: Recipe,
}

impl Tried {
    fn new(row: &'static Row, signer: &Signer) -> Self {
        let fake = Fake::default();
        let tried = |recipe| Self { row, fake: fake.clone(), recipe };
        if let Keys::Set { bearer: Some(token), .. } = row.keys {
            fake.only_for(token);
        }
        publish(row, &fake, &[signer]);
        let pem = if matches!(row.keys, Keys::Pem) { signer.pem() } else { String::new() };
        tried(Recipe::of(row.page, &fake, &pem, SECRET))
    }

    async fn status(&self, signer: &Signer, claims: &Value) -> u16 {
        let token = signer.sign(&(self.row.header)(), claims, matches!(self.row.keys, Keys::Pem));
        self.recipe.status(self.row.field, &token).await
    }
}

fn publish(row: &Row, fake: &Fake, signers: &[&Signer]) {
    let Keys::Set { issuers, address, shape, .. } = &row.keys else { return };
    for (place, issuer) in *issuers {
        let metadata = json!({
            "issuer": issuer, "jwks_uri": address, "response_types_supported": ["code"],
            "authorization_endpoint": "https://login.example.com/authorize",
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        });
        fake.publish(place, &metadata);
    }
    fake.publish(address, &shape(signers.iter().map(|signer| signer.jwk()).collect()));
}

#[tokio::test(start_paused = true)]
async fn every_recipe_takes_the_access_tokens_of_its_provider_and_follows_its_rotations() {
    // RSA keys take their time, so those of one algorithm are the same for all.
    let made =
        [Kind::Rs256, Kind::Es256, Kind::EdDsa].map(|kind| (kind, ["", "", ""].map(|kid| Signer::new(kind, kid))));
    for row in rows() {
        let page = row.page;
        let (_, [one, other, third]) = made.iter().find(|(kind, _)| *kind == row.kind).unwrap();
        let (signer, next, impostor) = (one.named(row.kid), other.named("the-next-key"), third.named(row.kid));
        let tried = Tried::new(row, &signer);
        let good = merged(&times(), &(row.access_token)());
        assert_eq!(tried.status(&signer, &good).await, 200, "{page}");
        assert_eq!(tried.status(&impostor, &good).await, 401, "{page}: signed by somebody else");
        for (what, change) in (row.refused)() {
            let claims = merged(&good, &change);
            assert_ne!(claims, good, "{page}: {what}");
            assert_eq!(tried.status(&signer, &claims).await, 401, "{page}: {what}");
        }
        for (what, change) in (row.accepted)() {
            assert_eq!(tried.status(&signer, &merged(&good, &change)).await, 200, "{page}: {what}");
        }

        sleep(LATER).await;
        publish(row, &tried.fake, &[&signer, &next]);
        if matches!(row.keys, Keys::Pem) {
            replace_loaded_keys(&next.pem(), &next.kid);
        }
        assert_eq!(tried.status(&next, &good).await, 200, "{page}: the next key");
        sleep(LATER).await;
        publish(row, &tried.fake, &[&next]);
        sleep(Duration::from_secs(7200)).await;
        assert_eq!(tried.status(&next, &good).await, 200, "{page}: the next key alone");
        assert_eq!(tried.status(&signer, &good).await, 401, "{page}: the key that was withdrawn");
    }
}

#[test]
fn every_recipe_has_a_row_and_every_row_a_recipe() {
    let mut rows: Vec<_> = rows().map(|row| row.page).collect();
    rows.sort_unstable();
    assert_eq!(rows, Recipe::pages());
}

#[tokio::test(start_paused = true)]
async fn supabase_takes_tokens_of_the_old_secret_and_of_the_new_keys() {
    let row = rows().find(|row| row.page == "supabase").unwrap();
    let tried = Tried::new(row, &Signer::new(Kind::Es256, row.kid));
    let claims = merged(&times(), &(row.access_token)());
    let old = |secret: &[u8]| {
        jwt_core::SigningKey::secret(Algorithm::HS256, secret).unwrap().with_typ("JWT").sign(&claims).unwrap()
    };
    assert_eq!(tried.recipe.status("authorization", &old(SECRET)).await, 200);
    assert_eq!(tried.recipe.status("authorization", &old(b"the secret of another project, as long")).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_load_balancer_of_the_same_region_is_refused() {
    let row = rows().find(|row| row.page == "aws-alb").unwrap();
    let signer = Signer::new(Kind::Es256, row.kid);
    let tried = Tried::new(row, &signer);
    let claims = merged(&times(), &(row.access_token)());
    let status = async |change: Value| {
        let token = signer.sign(&merged(&(row.header)(), &change), &claims, true);
        tried.recipe.status(row.field, &token).await
    };
    assert_eq!(status(json!({})).await, 200);
    let other = "arn:aws:elasticloadbalancing:eu-central-1:210987654321:loadbalancer/app/shop/50dc6c495c0c9188";
    assert_eq!(status(json!({"signer": other})).await, 401);
    assert_eq!(status(json!({"signer": null})).await, 401);
    assert_eq!(status(json!({"signer": [other]})).await, 401);
}

#[tokio::test]
async fn the_preset_of_cognito_takes_the_app_clients_that_it_was_given_and_no_others() {
    let pool = || providers::cognito("eu-central-1", "eu-central-1_AbCdEfGhI");
    let both = pool().client_id("one").client_id("other");
    assert!(format!("{both:?}").contains("eu-central-1_AbCdEfGhI"));
    Authenticator::<Value>::builder().provider(both).build().unwrap();
    let again = Authenticator::<Value>::builder().provider(pool().client_id("one")).provider(pool().client_id("other"));
    assert!(again.build().unwrap_err().to_string().contains("eu-central-1_AbCdEfGhI"), "two presets of one pool");
}

#[tokio::test]
async fn the_token_of_a_file_goes_to_the_configured_host_alone_and_a_missing_file_is_a_fetch_that_fails() {
    let fake = Fake::default();
    let (issuer, elsewhere) = ("https://kubernetes.default.svc", "https://keys.example.com/jwks");
    let place = format!("{issuer}/.well-known/openid-configuration");
    fake.publish(&place, &json!({"issuer": issuer, "jwks_uri": elsewhere}));
    fake.publish(elsewhere, &json!({"keys": [Signer::new(Kind::Es256, "k").jwk()]}));
    let file = std::env::temp_dir().join(format!("providers-tests-{}", std::process::id()));
    std::fs::write(&file, " secret-of-the-pod\n").unwrap();
    let ready = async |path: &std::path::Path| {
        let keys = RemoteKeySet::discover(issuer).client(fake.clone()).bearer_token_file(path);
        let _auth = Authenticator::<Value>::builder().keys(&keys).audience("api").build().unwrap();
        keys.ready().await
    };
    let found = ready(&file).await;
    std::fs::remove_file(&file).unwrap();
    found.unwrap();
    assert_eq!(fake.asked_with_token(), [place]);

    let error = ready(&file).await.unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");

    std::fs::write(&file, "two\nlines").unwrap();
    let error = ready(&file).await.unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert!(!format!("{error} {error:?}").contains("lines"), "{error}");
    let twice = RemoteKeySet::discover(issuer).bearer_token_file("a").bearer_token_file("b");
    let error = Authenticator::<Value>::builder().keys(&twice).audience("api").build().unwrap_err();
    assert!(error.to_string().contains("bearer_token_file"), "{error}");
}
