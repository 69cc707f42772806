//! Which servers are trusted.

use std::io;
use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto};

use crate::error::{Error, Result};

/// Reads PEM certificates.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(Error::InvalidInput(
            "`root_certificate` takes certificates in the PEM format, and found none".to_owned(),
        )),
    }
}

/// Makes the TLS handshake, trusting these certificates, or the platform's if there are none.
pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    own: Vec<CertificateDer<'static>>,
) -> io::Result<TlsStream<TcpStream>> {
    // The platform's certificates are read from disk.
    let config = tokio::task::spawn_blocking(|| config(own)).await??;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn config(own: Vec<CertificateDer<'static>>) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates = if own.is_empty() {
        load_native_certs().certs
    } else {
        own
    };
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(io::Error::other(
            "this machine trusts no certificates: give one with `root_certificate`",
        ));
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Whether the server's certificate was rejected.
pub(super) fn is_untrusted(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}
