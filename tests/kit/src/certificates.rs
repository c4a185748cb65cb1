//! An authority of the kit, and the certificates that it signs: for clients, and for a server that has none.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::base64url;
use crate::keys::sha256;

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    key: String,
}

/// Everything that is needed to show certificates.
pub(crate) struct Certificates {
    /// The authority that has signed the others, in PEM.
    authority: String,
    server: Identity,
    /// The client that tokens are bound to.
    pub(crate) client: Identity,
    /// Another certificate: the same name by the same authority, and another key.
    pub(crate) other: Identity,
}

impl Identity {
    fn der(&self) -> Result<CertificateDer<'static>, String> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(|error| format!("a certificate: {error}"))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| format!("a key of a certificate: {error}"))
    }

    /// The bytes of the certificate, in base64.
    pub(crate) fn base64(&self) -> String {
        self.der().map(|der| base64_simd::STANDARD.encode_to_string(der.as_ref())).unwrap_or_default()
    }

    /// SHA-256 of the certificate. RFC 8705 §3.1.
    fn digest(&self) -> Vec<u8> {
        self.der().map(|der| sha256(der.as_ref())).unwrap_or_default()
    }

    pub(crate) fn hex(&self) -> String {
        self.digest().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    pub(crate) fn thumbprint(&self) -> String {
        base64url::encode(self.digest())
    }
}

const NAMES: [&str; 3] = ["server", "client", "other"];

impl Certificates {
    pub(crate) fn new() -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("no certificate can be made here: {error}");
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "The authority of jwt-conformance");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(failed)?).map_err(failed)?;
        let sign = |names: &[&str], purpose| {
            let key = KeyPair::generate().map_err(failed)?;
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names.clone()).map_err(failed)?;
            params.distinguished_name.push(DnType::CommonName, names[0].as_str());
            params.extended_key_usages = vec![purpose];
            let issuer: &Issuer<'_, KeyPair> = &authority;
            let certificate = params.signed_by(&key, issuer).map_err(failed)?;
            Ok::<_, String>(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
        };
        Ok(Self {
            authority: authority.pem(),
            server: sign(&["localhost", "127.0.0.1", "::1"], ExtendedKeyUsagePurpose::ServerAuth)?,
            client: sign(&["kit-client"], ExtendedKeyUsagePurpose::ClientAuth)?,
            other: sign(&["kit-client"], ExtendedKeyUsagePurpose::ClientAuth)?,
        })
    }

    /// Those of that directory; they are made and written first where there are none.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let wrong = |name: &str, error: &dyn std::fmt::Display| format!("{}/{name}: {error}", directory.display());
        if !directory.exists() {
            let made = Self::new()?;
            fs::create_dir_all(directory).map_err(|error| wrong("", &error))?;
            let write = |name: &str, text: &str| {
                let mut options = fs::File::options();
                options.write(true).create(true).truncate(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let open = options.open(directory.join(name));
                open.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
                    .map_err(|error| wrong(name, &error))
            };
            write("authority.pem", &made.authority)?;
            for (name, identity) in NAMES.into_iter().zip([&made.server, &made.client, &made.other]) {
                write(&format!("{name}.pem"), &identity.certificate)?;
                write(&format!("{name}.key"), &identity.key)?;
            }
        }
        let read = |name: &str| fs::read_to_string(directory.join(name)).map_err(|error| wrong(name, &error));
        let identity = |name: &str| {
            Ok::<_, String>(Identity { certificate: read(&format!("{name}.pem"))?, key: read(&format!("{name}.key"))? })
        };
        Ok(Self {
            authority: read("authority.pem")?,
            server: identity(NAMES[0])?,
            client: identity(NAMES[1])?,
            other: identity(NAMES[2])?,
        })
    }

    /// A client that trusts the authority in that PEM, or this one, and shows that certificate.
    pub(crate) fn connector(&self, ca: Option<&str>, shown: Option<&Identity>) -> Result<Arc<ClientConfig>, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(ca.unwrap_or(&self.authority))?);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(vec![identity.der()?], identity.key()?)
                .map_err(|error| error.to_string())?,
        };
        Ok(Arc::new(config))
    }

    /// A server that asks for certificates of this authority, and goes on without one.
    pub(crate) fn acceptor(&self) -> Result<Arc<ServerConfig>, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&self.authority)?), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(|error| error.to_string())?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![self.server.der()?], self.server.key()?)
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config))
    }
}

fn roots(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("mtls.ca: {error}"))?;
        roots.add(certificate).map_err(|error| format!("mtls.ca: {error}"))?;
    }
    if roots.is_empty() { Err("mtls.ca: there is no certificate in it".to_owned()) } else { Ok(roots) }
}
