//! Certificates in PEM, for connections to other services.

/// The certificates of a PEM text, in DER. `None` where it has none, or is damaged.
pub(crate) fn in_pem(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let blocks = pem::parse_many(pem).ok()?;
    let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    let certificates: Vec<_> = certificates.map(pem::Pem::into_contents).collect();
    (!certificates.is_empty()).then_some(certificates)
}
