//! `tls.options` as it is written, to what `net::tls` builds.

use crate::config::dynamic::{ClientAuth as AuthConfig, TlsOptions as Config};
use crate::net::tls::{ClientAuth, TlsOptions, Version};

/// The protocol of ACME's TLS-ALPN challenge (RFC 8737). Only an answer to a challenge may agree to it.
const ACME_TLS: &str = "acme-tls/1";

/// Reads the files that options name, and checks what they say.
pub(super) fn read(config: &Config) -> Result<TlsOptions, String> {
    let (client_auth, client_cas) = client_auth(&config.client_auth)?;
    let alpn = config.alpn_protocols.iter();
    Ok(TlsOptions {
        min: version(&config.min_version, Version::V12)?,
        max: version(&config.max_version, Version::V13)?,
        cipher_suites: config.cipher_suites.clone(),
        curves: config.curve_preferences.clone(),
        alpn: alpn.filter(|name| *name != ACME_TLS).cloned().collect(),
        sni_strict: config.sni_strict,
        session_tickets: !config.disable_session_tickets,
        client_auth,
        client_cas,
    })
}

fn version(name: &str, default: Version) -> Result<Version, String> {
    match name {
        "" => Ok(default),
        "VersionTLS10" | "VersionTLS11" | "VersionTLS12" => Ok(Version::V12),
        "VersionTLS13" => Ok(Version::V13),
        other => Err(format!(
            "invalid TLS version {other:?}; write VersionTLS12 or VersionTLS13"
        )),
    }
}

fn client_auth(config: &AuthConfig) -> Result<(ClientAuth, Vec<Vec<u8>>), String> {
    let kind = match config.client_auth_type.as_str() {
        "" if config.ca_files.is_empty() => ClientAuth::None,
        "" | "RequireAndVerifyClientCert" => ClientAuth::Require,
        "NoClientCert" => ClientAuth::None,
        "VerifyClientCertIfGiven" => ClientAuth::VerifyIfGiven,
        "RequestClientCert" => ClientAuth::Request,
        "RequireAnyClientCert" => ClientAuth::RequireAny,
        other => return Err(format!("unknown client auth type {other:?}")),
    };
    let mut cas = Vec::new();
    for file in &config.ca_files {
        let read = file.read_pem();
        cas.push(read.map_err(|error| format!("clientAuth.caFiles {file:?}: {error}"))?);
    }
    if matches!(kind, ClientAuth::Require | ClientAuth::VerifyIfGiven) && cas.is_empty() {
        return Err("invalid clientAuthType: the option requires caFiles".to_owned());
    }
    Ok((kind, cas))
}
