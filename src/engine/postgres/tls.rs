//! TLS as `tls.mode` asks for it: whom a server's certificate has to be signed by, and whether it
//! has to be the host's.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslMode;

use crate::engine::server::{Tls, TlsMode};

/// What is wrong with the certificates or the key that were given.
type Unusable = Box<dyn std::error::Error + Send + Sync>;

/// Whether a server is asked for TLS, and whether without it there is no connection.
pub fn ssl_mode(mode: TlsMode) -> SslMode {
    match mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Encrypt | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    }
}

pub fn config(tls: &Tls) -> Result<ClientConfig, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let lenient = |authorities| {
        Arc::new(Lenient {
            provider: provider.clone(),
            authorities,
        })
    };
    let builder = match tls.mode {
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Encrypt => builder
            .dangerous()
            .with_custom_certificate_verifier(lenient(None)),
        TlsMode::VerifyCa => {
            let roots = Arc::new(roots(tls)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
            builder
                .dangerous()
                .with_custom_certificate_verifier(lenient(Some(verifier.build()?)))
        }
        TlsMode::VerifyFull => builder.with_root_certificates(roots(tls)?),
    };
    match (&tls.cert, &tls.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(cert.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
            Ok(builder.with_client_auth_cert(chain?, key)?)
        }
        _ => Err("tls.cert and tls.key belong together".into()),
    }
}

/// Mozilla's authorities, and the one that was named.
fn roots(tls: &Tls) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in CertificateDer::pem_slice_iter(tls.ca.as_deref().unwrap_or("").as_bytes()) {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

/// Takes certificates whatever host they are for, and without `authorities` anybody's: then what is
/// sent is encrypted, to whomever.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        match authorities.verify_server_cert(certificate, between, host, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
