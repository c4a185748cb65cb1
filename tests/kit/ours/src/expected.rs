//! What both servers expect of tokens.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::binding::{Dpop, DpopNonces, TrustedProxies};
use jwt_core::introspection::Introspection;
use jwt_core::mcp::{McpResource, McpUser};
use jwt_core::metadata::ResourceMetadata;
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, RemoteKeySet, Scopes, TokenCache, TokenSource};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// What the guards look at.
#[derive(serde::Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    scope: Scopes,
}

pub(crate) const SCOPE: &str = "orders:read";
pub(crate) const ACR: &str = "gold";
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);

/// The field in which a proxy says the certificate of the client, in the setting `proxy`.
const CERTIFICATE: &str = "X-SSL-Client-Cert";

pub(crate) struct Expected {
    pub(crate) port: u16,
    pub(crate) auth: Authenticator<User>,
    /// The same, whose refusals are those of gRPC.
    pub(crate) grpc: Authenticator<User>,
    pub(crate) metadata: ResourceMetadata,
    pub(crate) mcp: McpResource<McpUser>,
    /// Another port, at which TLS ends here, in the setting `tls`.
    pub(crate) tls: Option<(u16, ServerConfig)>,
}

impl Expected {
    pub(crate) fn of_the_environment() -> Result<Self, Box<dyn Error>> {
        let port: u16 = env::var("PORT")?.parse()?;
        let algorithms: Vec<Algorithm> =
            env::var("ALGORITHMS")?.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let keys = RemoteKeySet::jwks(env::var("JWKS_URL")?).algorithms(algorithms);
        let metadata = ResourceMetadata::builder(format!("http://127.0.0.1:{port}/protected"))
            .authorization_server(env::var("ISSUER")?)
            .build()?;
        let mcp = McpResource::builder(format!("http://127.0.0.1:{port}/mcp"))
            .authorization_server(env::var("ISSUER")?)
            .build_with(Authenticator::builder().leeway(Duration::ZERO))?;
        let tls = match (env::var("TLS_PORT"), &*setting()) {
            (Ok(port), "tls") => Some((port.parse()?, tls()?)),
            _ => None,
        };
        Ok(Self {
            port,
            auth: builder(&keys)?.resource_metadata(&metadata).build()?,
            grpc: builder(&keys)?.grpc().build()?,
            metadata,
            mcp,
            tls,
        })
    }
}

fn setting() -> String {
    env::var("SETTING").unwrap_or_default()
}

fn builder(keys: &RemoteKeySet) -> Result<AuthenticatorBuilder<User>, Box<dyn Error>> {
    let introspection = Introspection::at(env::var("INTROSPECTION_URL")?)
        .issuer(env::var("ISSUER")?)
        .client_secret(env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?)
        .timeout(Duration::from_secs(2));
    let builder = Authenticator::<User>::builder()
        .keys(keys)
        .issuer(env::var("ISSUER")?)
        .audience(env::var("AUDIENCE")?)
        .leeway(Duration::ZERO)
        .typ("at+jwt")
        .introspect(&introspection)
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("access_token"))
        .required_claim("sub")
        .scopes(|user: &User| &user.scope);
    Ok(match &*setting() {
        "profile" => builder.access_token_profile(),
        "nonce" => builder.dpop(Dpop::new().nonces(&DpopNonces::of_this_process()?)),
        "cache" => builder.cache(TokenCache::new()),
        "proxy" => builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).client_cert_pem(CERTIFICATE)),
        _ => builder,
    })
}

/// Asks clients for a certificate, and goes on without one.
fn tls() -> Result<ServerConfig, Box<dyn Error>> {
    let directory = PathBuf::from(env::var("TLS_DIRECTORY")?);
    let file = |name: &str| fs::read(directory.join(name));
    let mut authorities = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&file("authority.pem")?) {
        authorities.add(authority?)?;
    }
    let clients = WebPkiClientVerifier::builder(Arc::new(authorities)).allow_unauthenticated().build()?;
    let own = CertificateDer::pem_slice_iter(&file("server.pem")?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&file("server.key")?)?;
    Ok(ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(own, key)?)
}
