//! TLS from the client's side, trusting one certificate authority only; and certificates of our own to serve.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stream::{self, Boxed};

/// A client that trusts the certificates of one CA.
#[derive(Clone)]
pub struct Client {
    config: ClientConfig,
}

impl Client {
    /// Trusts the CA in a PEM file.
    pub fn trusting(ca: &Path) -> Result<Self> {
        let ca = CertificateDer::from_pem_file(ca)
            .with_context(|| format!("no certificate in {}", ca.display()))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Each connection stands for a client of its own.
        config.resumption = Resumption::disabled();
        Ok(Self { config })
    }

    /// A verified connection, and the protocol that ALPN chose.
    pub async fn connect(
        &self,
        port: u16,
        name: &str,
        alpn: &[&str],
    ) -> Result<(Boxed, Option<String>)> {
        let tls = self.handshake(port, name, alpn).await?;
        let chosen = tls.get_ref().1.alpn_protocol();
        let chosen = chosen.map(|name| String::from_utf8_lossy(name).into_owned());
        Ok((Box::new(tls), chosen))
    }

    /// The certificate (DER) that is shown for a name.
    pub async fn certificate(&self, port: u16, name: &str) -> Result<Vec<u8>> {
        let tls = self.handshake(port, name, &[]).await?;
        let shown = tls.get_ref().1.peer_certificates();
        let leaf = shown.and_then(<[_]>::first).context("a certificate")?;
        Ok(leaf.to_vec())
    }

    async fn handshake(
        &self,
        port: u16,
        name: &str,
        alpn: &[&str],
    ) -> Result<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let plain = stream::plain(port).await?;
        let server = ServerName::try_from(name.to_owned())?;
        TlsConnector::from(Arc::new(config))
            .connect(server, plain)
            .await
            .with_context(|| format!("TLS with {name} on port {port}"))
    }
}

/// A CA of this test alone, with one folder for what it signs.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Writes `ca.crt` into the folder.
    pub fn new(folder: &Path) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate that is named as its issuer for a self-signed one.
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let certificate = params.self_signed(&key)?;
        std::fs::write(folder.join("ca.crt"), certificate.pem())?;
        Ok(Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A client that trusts it.
    pub fn client(&self) -> Result<Client> {
        Client::trusting(&self.folder.join("ca.crt"))
    }

    /// What a server needs to show the certificate of a name that was signed.
    pub fn server(&self, name: &str) -> Result<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.folder.join(format!("{name}.crt")))?;
        let key = PrivateKeyDer::from_pem_file(self.folder.join(format!("{name}.key")))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        Ok(builder.with_single_cert(vec![certificate], key)?)
    }

    /// Writes `NAME.crt` and `NAME.key` for one DNS name.
    pub fn sign(&self, name: &str) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        std::fs::write(self.folder.join(format!("{name}.crt")), certificate.pem())?;
        std::fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem())?;
        Ok(())
    }
}
