//! `basicAuth`: asks for a name and a password (RFC 7617).

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::filter::{Act, Outcome, Step};
use super::{password as hash, users};
use crate::config::dynamic::BasicAuth as Config;
use crate::http::{Body, Context, Request, Response, forwarded};

/// See the module.
pub struct BasicAuth {
    users: HashMap<Box<str>, User>,
    /// Checked where there is no such user, so that the time taken does not tell.
    decoy: Arc<str>,
    challenge: HeaderValue,
    header_field: Option<HeaderName>,
    remove_header: bool,
    /// Of this process and this middleware only.
    key: hmac::Key,
}

struct User {
    hash: Arc<str>,
    /// A keyed digest of the password that was right before: bcrypt is made to be slow, and each request of a page
    /// brings the same password.
    known: Mutex<Option<hmac::Tag>>,
}

impl BasicAuth {
    /// Reads the users, and their file, anew each time it is built.
    pub fn new(config: &Config) -> Result<Self, String> {
        let lines = users::lines(&config.users_file, &config.users)?;
        let mut users = HashMap::new();
        for line in &lines {
            let mut parts = line.split(':');
            let (Some(name), Some(hash), None) = (parts.next(), parts.next(), parts.next()) else {
                let name = line.split(':').next().unwrap_or_default();
                return Err(format!("error parsing BasicUser: {name}"));
            };
            let user = User {
                hash: hash.into(),
                known: Mutex::default(),
            };
            users.insert(name.into(), user);
        }
        let Some(decoy) = users
            .values()
            .next()
            .map(|user: &User| Arc::clone(&user.hash))
        else {
            return Err(format!("no users found in {}", config.users_file));
        };
        let realm = match config.realm.as_str() {
            "" => "traefik",
            realm => realm,
        };
        let field = match config.header_field.as_str() {
            "" => Ok(None),
            name => HeaderName::from_bytes(name.as_bytes()).map(Some),
        };
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| "no random numbers to be had".to_owned())?;
        Ok(Self {
            users,
            decoy,
            challenge: HeaderValue::from_bytes(format!("Basic realm=\"{realm}\"").as_bytes())
                .map_err(|_| format!("realm {realm:?} cannot be told in a header"))?,
            header_field: field
                .map_err(|_| format!("{:?} is no header name", config.header_field))?,
            remove_header: config.remove_header,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
        })
    }

    async fn check(&self, name: &str, password: Vec<u8>) -> bool {
        let user = self.users.get(name);
        let tag = hmac::sign(&self.key, &password);
        if user.is_some_and(|user| user.knows(&tag)) {
            return true;
        }
        let hash = user.map_or(&self.decoy, |user| &user.hash);
        let right = if hash::is_cheap(hash) {
            hash::verify(&password, hash)
        } else {
            // It takes milliseconds to make one: other requests of this worker do not wait for that.
            let hash = Arc::clone(hash);
            let check = tokio::task::spawn_blocking(move || hash::verify(&password, &hash));
            check.await.unwrap_or(false)
        };
        match user {
            Some(user) if right => {
                *user.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag);
                true
            }
            _ => false,
        }
    }

    fn refuse(&self) -> Response {
        let mut response = Response::new(Body::from("401 Unauthorized\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(header::WWW_AUTHENTICATE, self.challenge.clone());
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

impl User {
    fn knows(&self, tag: &hmac::Tag) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|known| {
            aws_lc_rs::constant_time::verify_slices_are_equal(known.as_ref(), tag.as_ref()).is_ok()
        })
    }
}

/// Name and password of a request.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut name = STANDARD.decode(encoded).ok()?;
    let colon = memchr::memchr(b':', &name)?;
    let password = name.split_off(colon + 1);
    name.truncate(colon);
    Some((String::from_utf8(name).ok()?, password))
}

impl Act for BasicAuth {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let Some((name, password)) = credentials(&request.headers) else {
            return Step::answer(self.refuse());
        };
        cx.record.user = Some(name.as_str().into());
        Step::Later(Box::pin(async move {
            if !self.check(&name, password).await {
                return Outcome::Answer(Box::new(self.refuse()));
            }
            self.let_in(&name, &mut request.headers);
            Outcome::Next
        }))
    }
}
