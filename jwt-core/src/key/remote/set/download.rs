//! One fetch: where the keys of an issuer are, if that is not known, and then the keys.

use std::sync::Arc;
use std::time::Duration;

use http::header::ETAG;
use http::{HeaderValue, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::origin::Origin;
use super::{Settings, published};
use crate::key::remote::bearer::WithBearer;
use crate::key::remote::client::DefaultClient;
use crate::key::remote::get::{document, first_of, get, not_found};
use crate::key::remote::metadata;
use crate::key::{Fetch, FetchError, KeyError, KeySet, SkippedKey};

/// A set that was fetched, without its keys.
#[derive(Clone)]
pub(super) struct Known {
    /// When it was fetched, or confirmed.
    pub(super) fetched: Instant,
    pub(super) lifetime: Duration,
    /// The keys as they are written, in the order of their text.
    pub(super) written: Vec<Box<str>>,
    pub(super) skipped: Arc<[SkippedKey]>,
    /// At which place the metadata was found.
    pub(super) place: Option<usize>,
    etag: Option<HeaderValue>,
    address: String,
}

/// What a fetch brought.
pub(super) enum Downloaded {
    /// The set is still the known one.
    Unchanged { lifetime: Duration },
    /// A set, and those of its keys that can be used; `None` where there are none.
    Set { keys: Option<KeySet>, set: Known },
}

/// Fetches the keys. `rediscover` asks the metadata of the issuer for their address although it is known.
pub(super) async fn download(
    settings: &Settings,
    known: Option<&Known>,
    rediscover: bool,
) -> Result<Downloaded, FetchError> {
    let own;
    let client: &dyn Fetch = if let Some(client) = &settings.client {
        &**client
    } else {
        // Made again for each fetch, since it holds a hundred kilobytes and minutes pass until the next one; and on a thread
        // that may block, since it takes milliseconds.
        let (connect_timeout, roots) = (settings.connect_timeout, settings.roots.clone());
        let made = spawn_blocking(move || DefaultClient::new(connect_timeout, 0, roots.certificates()?)).await;
        own = made.map_err(|_| FetchError::Stopped)??;
        &own
    };
    let with_bearer;
    let client = if let Some(path) = &settings.bearer_token_file {
        let (Origin::Jwks(address) | Origin::Issuer(address)) = &settings.origin;
        with_bearer = WithBearer::read(client, path.clone(), address).await?;
        &with_bearer
    } else {
        client
    };
    let (address, place) = match (&settings.origin, known) {
        (Origin::Jwks(address), _) => (address.clone(), None),
        (Origin::Issuer(_), Some(known)) if !rediscover => (known.address.clone(), known.place),
        (Origin::Issuer(issuer), _) => {
            let addresses = metadata::addresses(issuer);
            let places = settings.places_of(addresses.len(), known.and_then(|known| known.place));
            let read = |document: &[u8]| metadata::jwks_uri(document, issuer, settings.plain_http);
            let (address, place) = first_of(client, &addresses, &places, settings.max_bytes, read).await?;
            (address, Some(place))
        }
    };
    let etag = known.filter(|known| known.address == address).and_then(|known| known.etag.clone());
    let is_conditional = etag.is_some();
    let response = get(client, &address, etag, settings.max_bytes).await?;
    let lifetime = settings.schedule.lifetime_of(response.headers());
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if is_conditional => return Ok(Downloaded::Unchanged { lifetime }),
        _ => return Err(not_found(&address, &response)),
    }
    let etag = response.headers().get(ETAG).cloned();
    let json = std::str::from_utf8(document(&response)?).map_err(|_| KeyError::JwkSet)?;
    let written = published::written(json)?;
    if written.len() > settings.max_keys {
        return Err(FetchError::TooManyKeys { limit: settings.max_keys });
    }
    let (keys, skipped) = match published::read(json, settings.algorithms.as_deref(), settings.lenient) {
        Ok(keys) => {
            let skipped = keys.skipped().into();
            (Some(keys), skipped)
        }
        // The provider answered, and none of its keys is to be used: that is no failure of the fetch.
        Err(KeyError::Empty { skipped }) => (None, skipped),
        Err(error) => return Err(error.into()),
    };
    let set = Known { fetched: Instant::now(), lifetime, written, skipped, place, etag, address };
    Ok(Downloaded::Set { keys, set })
}

impl Settings {
    /// Where the metadata is looked for, in this order. Where it was found before, it is looked for first; and where keys
    /// have been fetched before, nothing else keeps it from being found.
    fn places_of(&self, all: usize, found: Option<usize>) -> Vec<usize> {
        let chosen = self.on_demand.as_ref().and_then(|how| how.places.as_deref()).filter(|_| found.is_none());
        match chosen {
            Some(places) => places.iter().copied().filter(|place| *place < all).collect(),
            None => found.into_iter().chain((0..all).filter(|place| Some(*place) != found)).collect(),
        }
    }
}
