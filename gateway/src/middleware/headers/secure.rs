//! Security fields, and the hosts that may be asked for (the parts of `unrolled/secure` that Traefik v3 uses).

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{name, value};
use crate::config::dynamic::Headers as Config;
use crate::http::{Response, answer};

const NONCE: &str = "$NONCE";
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// 16 random bytes in base64, for one answer.
pub(super) type Nonce = String;

pub(super) struct Secure {
    /// Compared without case; empty lets every host in.
    allowed_hosts: Vec<String>,
    /// The first of them that a request has names its host.
    host_headers: Vec<HeaderName>,
    /// Values that mean TLS.
    tls_headers: Vec<(HeaderName, HeaderValue)>,
    /// On every answer.
    always: Vec<(HeaderName, HeaderValue)>,
    /// Policies with a nonce in them, split where it goes.
    policies: Vec<(HeaderName, Vec<String>)>,
    sts: Option<HeaderValue>,
    /// STS without TLS too.
    force_sts: bool,
}

impl Secure {
    /// `None` where nothing of it is configured.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, String> {
        if !is_set(config) {
            return Ok(None);
        }
        let development = config.is_development;
        let mut secure = Self {
            allowed_hosts: if development {
                Vec::new()
            } else {
                config.allowed_hosts.clone()
            },
            host_headers: names(&config.hosts_proxy_headers)?,
            tls_headers: Vec::new(),
            always: Vec::new(),
            policies: Vec::new(),
            sts: if development { None } else { sts(config) },
            force_sts: config.force_sts_header,
        };
        for (header, text) in &config.ssl_proxy_headers {
            secure.tls_headers.push((name(header)?, value(text)?));
        }
        secure.add_fields(config)?;
        Ok(Some(secure))
    }

    fn add_fields(&mut self, config: &Config) -> Result<(), String> {
        let deny = if config.frame_deny { "DENY" } else { "" };
        let nosniff = if config.content_type_nosniff {
            "nosniff"
        } else {
            ""
        };
        let xss = if config.browser_xss_filter {
            "1; mode=block"
        } else {
            ""
        };
        let or = |custom: &str, default: &'static str| match custom {
            "" => default.to_owned(),
            custom => custom.to_owned(),
        };
        for (name, text) in [
            (
                header::X_FRAME_OPTIONS,
                or(&config.custom_frame_options_value, deny),
            ),
            (header::X_CONTENT_TYPE_OPTIONS, nosniff.to_owned()),
            (
                header::X_XSS_PROTECTION,
                or(&config.custom_browser_xss_value, xss),
            ),
            (
                header::CONTENT_SECURITY_POLICY,
                config.content_security_policy.clone(),
            ),
            (
                header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
                config.content_security_policy_report_only.clone(),
            ),
            (header::REFERRER_POLICY, config.referrer_policy.clone()),
            (PERMISSIONS, config.permissions_policy.clone()),
        ] {
            let policy = name == header::CONTENT_SECURITY_POLICY
                || name == header::CONTENT_SECURITY_POLICY_REPORT_ONLY;
            if text.is_empty() {
                continue;
            }
            let value = value(&text)?;
            if policy && text.contains(NONCE) {
                let text = String::from_utf8_lossy(value.as_bytes());
                let pieces = text.split(NONCE).map(str::to_owned).collect();
                self.policies.push((name, pieces));
            } else {
                self.always.push((name, value));
            }
        }
        Ok(())
    }

    /// The answer to a request for a host that is not allowed.
    pub(super) fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        if self.allowed_hosts.is_empty() {
            return None;
        }
        let proxied = self.host_headers.iter().find_map(|name| {
            let value = headers.get(name);
            value.filter(|value| !value.is_empty())
        });
        let host = proxied.or_else(|| headers.get(header::HOST));
        let host = host.map_or(&b""[..], HeaderValue::as_bytes);
        let allowed = |known: &String| known.as_bytes().eq_ignore_ascii_case(host);
        if self.allowed_hosts.iter().any(allowed) {
            return None;
        }
        Some(answer(StatusCode::INTERNAL_SERVER_ERROR, "Bad Host\n"))
    }

    /// Whether a header says that the client used TLS, and an answer depends on it.
    pub(super) fn is_proxied_tls(&self, headers: &HeaderMap) -> bool {
        let says = |(name, value): &(HeaderName, HeaderValue)| headers.get(name) == Some(value);
        self.sts.is_some() && !self.force_sts && self.tls_headers.iter().any(says)
    }

    /// A nonce for this answer, where a policy wants one.
    pub(super) fn nonce(&self) -> Option<Nonce> {
        if self.policies.is_empty() {
            return None;
        }
        let mut bytes = [0; 16];
        let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        random.fill(&mut bytes).ok()?;
        Some(base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD_NO_PAD,
            bytes,
        ))
    }

    pub(super) fn response(&self, tls: bool, nonce: Option<&Nonce>, headers: &mut HeaderMap) {
        if let Some(sts) = &self.sts
            && (tls || self.force_sts)
        {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, sts.clone());
        }
        for (name, value) in &self.always {
            headers.insert(name, value.clone());
        }
        for (name, pieces) in &self.policies {
            let nonce = nonce.map_or("", String::as_str);
            let source = ["'nonce-", nonce, "'"].concat();
            if let Ok(value) = HeaderValue::try_from(pieces.join(&source)) {
                headers.insert(name, value);
            }
        }
    }
}

/// What Traefik counts as a security option, those without effect among them.
fn is_set(config: &Config) -> bool {
    let texts = [
        &config.custom_frame_options_value,
        &config.custom_browser_xss_value,
        &config.content_security_policy,
        &config.content_security_policy_report_only,
        &config.public_key,
        &config.referrer_policy,
        &config.permissions_policy,
    ];
    let flags = [
        config.sts_include_subdomains,
        config.sts_preload,
        config.force_sts_header,
        config.frame_deny,
        config.content_type_nosniff,
        config.browser_xss_filter,
        config.is_development,
        config.ssl_redirect == Some(true),
        config.ssl_temporary_redirect == Some(true),
        config.ssl_force_host == Some(true),
        config.sts_seconds.is_some(),
        !config.allowed_hosts.is_empty(),
        !config.hosts_proxy_headers.is_empty(),
        !config.ssl_proxy_headers.is_empty(),
    ];
    let removed = [&config.ssl_host, &config.feature_policy];
    flags.contains(&true)
        || texts.iter().any(|text| !text.is_empty())
        || removed
            .iter()
            .any(|text| text.as_ref().is_some_and(|text| !text.is_empty()))
}

fn sts(config: &Config) -> Option<HeaderValue> {
    let seconds = config.sts_seconds.filter(|seconds| *seconds != 0)?;
    let mut text = format!("max-age={seconds}");
    if config.sts_include_subdomains {
        text.push_str("; includeSubDomains");
    }
    if config.sts_preload {
        text.push_str("; preload");
    }
    HeaderValue::try_from(text).ok()
}

fn names(texts: &[String]) -> Result<Vec<HeaderName>, String> {
    texts.iter().map(|text| name(text)).collect()
}
