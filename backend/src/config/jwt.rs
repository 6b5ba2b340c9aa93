//! `JWT_*`: which keys JSON Web Tokens are checked with, and what they have to say.

use http::Uri;

use super::reader::Reader;
use super::{AuthMode, Jwt};

/// A shared key as long as what it makes (RFC 7518, section 3.2); a shorter one can be guessed from any token.
const SECRET: usize = 32;

/// Reads all of them, whatever the mode: a mistake in one is a mistake also while it is not used.
pub(super) fn read(reader: &mut Reader, mode: AuthMode) -> Jwt {
    let jwt = Jwt {
        jwks_url: url(reader, mode),
        // One-line variables write line breaks as \n.
        public_key: reader
            .text("JWT_PUBLIC_KEY")
            .map(|key| key.replace("\\n", "\n")),
        secret: reader.secret("JWT_SECRET"),
        issuer: reader.text("JWT_ISSUER"),
        audience: reader.text("JWT_AUDIENCE"),
        allow_no_exp: reader.flag("JWT_ALLOW_NO_EXP", false),
    };
    if !mode.jwt {
        return jwt;
    }
    let given = reader.text("JWT_JWKS_URL").is_some();
    if !given && jwt.public_key.is_none() && jwt.secret.is_none() {
        let reason = "AUTH_MODE asks for JWTs, and there is no key to check them with";
        let allowed = "set JWT_JWKS_URL, JWT_PUBLIC_KEY or JWT_SECRET";
        reader.problem("JWT_JWKS_URL", reason, allowed);
    }
    let short = |secret: &super::Secret| secret.expose().len() < SECRET;
    if jwt.secret.as_ref().is_some_and(short) {
        let message =
            format!("is shorter than {SECRET} bytes: whoever has a token can try to guess it");
        reader.warn("JWT_SECRET", message);
    }
    jwt
}

fn url(reader: &mut Reader, mode: AuthMode) -> Option<Uri> {
    const ALLOWED: &str = "an https:// or http:// URL, as https://issuer.example/jwks.json";
    let text = reader.text("JWT_JWKS_URL")?;
    let parsed = text.parse::<Uri>().ok();
    let Some(url) = parsed.filter(|url| matches!(url.scheme_str(), Some("https" | "http"))) else {
        reader.problem("JWT_JWKS_URL", "is not a web address", ALLOWED);
        return None;
    };
    if url
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        // What stands there is a password, so it is not shown.
        let reason = "has a name or a password in it, which would not be sent: keys are public";
        reader.secret_problem("JWT_JWKS_URL", reason, ALLOWED);
        return None;
    }
    let host = url.host().unwrap_or_default();
    if mode.jwt && url.scheme_str() == Some("http") && !is_this_machine(host) {
        let message = "keys are fetched without TLS: whoever is in between can make tokens";
        reader.warn("JWT_JWKS_URL", message);
    }
    Some(url)
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
