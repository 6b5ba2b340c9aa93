//! `digestAuth`: asks for a name and a password that never travels (RFC 7616, with MD5 as Traefik has it).

mod credentials;
mod nonce;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use md5::{Digest as _, Md5};

use self::credentials::{Credentials, is_for};
use self::nonce::{Nonces, Verdict, hex};
use super::filter::{Act, Step};
use super::users;
use crate::config::dynamic::DigestAuth as Config;
use crate::http::{Body, Context, Request, Response, forwarded};

/// See the module.
pub struct DigestAuth {
    /// The digest of `name:realm:password`, lower-case hexadecimal, by name; of this realm.
    users: HashMap<Box<str>, Box<str>>,
    realm: String,
    opaque: String,
    nonces: Nonces,
    header_field: Option<HeaderName>,
    remove_header: bool,
}

impl DigestAuth {
    /// Reads the users, and their file, anew each time it is built.
    pub fn new(config: &Config) -> Result<Self, String> {
        let lines = users::lines(&config.users_file, &config.users)?;
        let realm = match config.realm.as_str() {
            "" => "traefik",
            realm => realm,
        };
        let mut users = HashMap::new();
        for line in &lines {
            let mut parts = line.split(':');
            let (Some(name), Some(of), Some(hash), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                let name = line.split(':').next().unwrap_or_default();
                return Err(format!(
                    "error parsing DigestUser: {name}: write it as name:realm:hash"
                ));
            };
            // Whoever is of another realm is nobody here.
            if of == realm {
                users.insert(name.into(), hash.to_ascii_lowercase().into());
            }
        }
        let field = match config.header_field.as_str() {
            "" => Ok(None),
            name => HeaderName::from_bytes(name.as_bytes()).map(Some),
        };
        HeaderValue::from_bytes(realm.as_bytes())
            .ok()
            .filter(|_| !realm.contains(['"', '\\']))
            .ok_or_else(|| format!("realm {realm:?} cannot be told in a header"))?;
        Ok(Self {
            users,
            realm: realm.to_owned(),
            opaque: nonce::random()?,
            nonces: Nonces::new()?,
            header_field: field
                .map_err(|_| format!("{:?} is no header name", config.header_field))?,
            remove_header: config.remove_header,
        })
    }

    /// Whether these credentials are right for this request.
    fn check(&self, request: &Request, given: &Credentials<'_>) -> Verdict {
        let fits = given.opaque == self.opaque
            && matches!(&*given.algorithm, "" | "MD5")
            && given.qop == "auth"
            && is_for(request, &given.uri);
        if !fits {
            return Verdict::Wrong;
        }
        // A name that nobody has takes as long as a wrong password, and no response is right for it.
        let user = self.users.get(&*given.username);
        let secret = user.map_or(&self.opaque[..], |secret| secret);
        let asked = digest(&[request.method.as_str(), &given.uri]);
        let response = digest(&[
            secret,
            &given.nonce,
            &given.nc,
            &given.cnonce,
            &given.qop,
            &asked,
        ]);
        let same = verify_slices_are_equal(response.as_bytes(), given.response.as_bytes());
        if same.is_err() || user.is_none() {
            return Verdict::Wrong;
        }
        match u64::from_str_radix(&given.nc, 16) {
            Ok(count) => self.nonces.redeem(&given.nonce, count),
            Err(_) => Verdict::Wrong,
        }
    }

    /// Asks for credentials; `stale` ones were right, but not for this time.
    fn refuse(&self, stale: bool) -> Response {
        let mut response = Response::new(Body::from("401 Unauthorized\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let Some(nonce) = self.nonces.issue() else {
            tracing::error!("no random numbers to be had for a nonce");
            return response;
        };
        let challenge = format!(
            "Digest realm=\"{}\", nonce=\"{nonce}\", opaque=\"{}\", algorithm=\"MD5\", qop=\"auth\"{}",
            self.realm,
            self.opaque,
            if stale { ", stale=\"true\"" } else { "" },
        );
        if let Ok(value) = HeaderValue::from_bytes(challenge.as_bytes()) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    fn let_in(&self, name: &str, headers: &mut HeaderMap) {
        if let Some(field) = &self.header_field {
            forwarded::remove_aliases(headers, field);
            if let Ok(value) = HeaderValue::from_bytes(name.as_bytes()) {
                headers.insert(field, value);
            }
        }
        if self.remove_header {
            headers.remove(header::AUTHORIZATION);
        }
    }
}

/// MD5 of the parts with colons between them, in hexadecimal.
fn digest(parts: &[&str]) -> String {
    let mut sum = Md5::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            sum.update(b":");
        }
        sum.update(part.as_bytes());
    }
    hex(&sum.finalize())
}

impl Act for DigestAuth {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let value = request.headers.get(header::AUTHORIZATION);
        let given = value.and_then(|value| value.to_str().ok());
        let Some(given) = given.and_then(Credentials::parse) else {
            return Step::answer(self.refuse(false));
        };
        cx.record.user = Some((*given.username).into());
        match self.check(request, &given) {
            Verdict::Right => {
                let name = given.username.into_owned();
                self.let_in(&name, &mut request.headers);
                Step::NEXT
            }
            Verdict::Stale => Step::answer(self.refuse(true)),
            Verdict::Wrong => Step::answer(self.refuse(false)),
        }
    }
}
