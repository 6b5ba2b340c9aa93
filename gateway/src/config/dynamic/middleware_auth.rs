//! Middlewares that ask who the client is.

use std::collections::BTreeMap;

use super::ClientTls;
use crate::config::object::object;
use crate::types::{Duration, FileOrContent, Secret, UserLine};

object! {
    /// Asks for a password (RFC 7617).
    pub struct BasicAuth {
        /// `name:hash`, the hash MD5 (apr1), SHA-1 or bcrypt.
        users: Vec<UserLine> => "users",
        /// File of such lines.
        users_file: String => "usersFile",
        /// The realm; empty means `traefik`.
        realm: String => "realm",
        /// Takes the Authorization header from the request.
        remove_header: bool => "removeHeader",
        /// Header that tells the service the user's name.
        header_field: String => "headerField",
    }

    /// Asks for a password (RFC 7616).
    pub struct DigestAuth {
        /// `name:realm:hash`.
        users: Vec<UserLine> => "users",
        /// File of such lines.
        users_file: String => "usersFile",
        /// Takes the Authorization header from the request.
        remove_header: bool => "removeHeader",
        /// The realm; empty means `traefik`.
        realm: String => "realm",
        /// Header that tells the service the user's name.
        header_field: String => "headerField",
    }

    /// Asks for an API key. Traefik's open edition does not have it; options as Traefik Hub names them.
    pub struct ApiKey {
        /// Where clients put the key.
        key_source: Option<ApiKeySource> => "keySource",
        /// Clients send the key as it is, not in Base64.
        secret_non_base64_encoded: bool => "secretNonBase64Encoded",
        /// Hashes of keys that have no name: bcrypt, MD5 (apr1), `{SHA}` or `{SHA256}`.
        secret_values: Vec<Secret> => "secretValues",
        /// Keys that have a name.
        keys: Vec<ApiKeyEntry> => "keys",
        /// Header to what the service is told in it: `_id` for the key's name, else one of the key's metadata.
        forward_headers: BTreeMap<String, String> => "forwardHeaders",
        /// Leaves the key in the request (not in Traefik Hub).
        forward_key: bool => "forwardKey",
    }

    /// Where clients put their key; the first that a request has counts.
    pub struct ApiKeySource {
        /// A header.
        header: String => "header",
        /// The scheme before the key in that header, for example `Bearer`.
        header_auth_scheme: String => "headerAuthScheme",
        /// A query parameter.
        query: String => "query",
        /// A cookie.
        cookie: String => "cookie",
    }

    /// An API key that has a name.
    pub struct ApiKeyEntry {
        /// The name, for the access log and `forwardHeaders`.
        id: String => "id",
        /// Its hash, as in `secretValues`.
        value: Secret => "value",
        /// What `forwardHeaders` may tell the service of its owner.
        metadata: BTreeMap<String, String> => "metadata",
    }

    /// Asks for a JSON Web Token (RFC 7519). Traefik's open edition does not have it; options as Traefik Hub names them.
    /// Exactly one of `signingSecret`, `publicKey`, `jwksFile` and `jwksUrl` tells how tokens are signed.
    pub struct Jwt {
        /// The secret of HS256, HS384 and HS512.
        signing_secret: Secret => "signingSecret",
        /// The secret is written in Base64.
        signing_secret_base64_encoded: bool => "signingSecretBase64Encoded",
        /// The public key, PEM or file.
        public_key: FileOrContent => "publicKey",
        /// A set of keys (RFC 7517), JSON or file.
        jwks_file: FileOrContent => "jwksFile",
        /// URL of such a set.
        jwks_url: String => "jwksUrl",
        /// How the URL is asked.
        client_config: Option<JwtClient> => "clientConfig",
        /// Leaves the token in the request.
        forward_authorization: bool => "forwardAuthorization",
        /// Query parameter for the tokens of those who can send no Authorization header. Forms are not read.
        token_key: String => "tokenKey",
        /// What the claims must be, for example ``Equals(`grp`, `admin`)``; else the answer is 403.
        claims: String => "claims",
        /// Claim with the user's name, for the access log; empty means `sub`.
        username_claim: String => "usernameClaim",
        /// Header to the claim that the service is told in it.
        forward_headers: BTreeMap<String, String> => "forwardHeaders",
        /// Issuers that are believed (claim `iss`); empty means any (not in Traefik Hub).
        issuers: Vec<String> => "issuers",
        /// Audiences we are (claim `aud`); empty means any (not in Traefik Hub).
        audiences: Vec<String> => "audiences",
        /// Signature algorithms that are accepted; empty means all that fit the key (not in Traefik Hub).
        algorithms: Vec<String> => "algorithms",
        /// How far clocks may differ, for `exp`, `nbf` and `iat`; five minutes at most (not in Traefik Hub).
        leeway: Duration => "leeway" = Duration::from_secs(30),
    }

    /// How a set of keys is asked for.
    pub struct JwtClient {
        /// TLS towards it.
        tls: Option<ClientTls> => "tls",
        /// For the whole answer.
        timeout_seconds: i64 => "timeoutSeconds" = 5,
    }

    /// Asks for a signature with a shared key (draft-cavage-http-signatures-12), in `Authorization` or `Proxy-Authorization`
    /// with the scheme `Hmac` or `Signature`. Traefik's open edition does not have it; options as Traefik Hub names them.
    pub struct Hmac {
        /// The keys, by the names that clients give them.
        keys: Vec<HmacKey> => "keys",
        /// Compares bodies with the digest that is signed, and refuses bodies without one. By default it does.
        validate_digest: Option<bool> => "validateDigest",
        /// What each signature must cover: headers, `(request-target)`, `(created)` and `(expires)`.
        enforced_headers: Vec<String> => "enforcedHeaders",
        /// Algorithms that are accepted; empty means hmac-sha256, hmac-sha384 and hmac-sha512. There is hmac-sha1, too (not in
        /// Traefik Hub).
        algorithms: Vec<String> => "algorithms",
        /// How far the signed `(created)` or `date` may be from the time here, which bounds how long a signature can be sent
        /// again; 0 asks for neither (not in Traefik Hub).
        clock_skew: Duration => "clockSkew" = Duration::from_secs(300),
        /// Longest body that is compared with its digest, in bytes, kept in memory meanwhile; longer ones are a 413 (not in
        /// Traefik Hub).
        max_body_size: i64 => "maxBodySize" = 1024 * 1024,
        /// Leaves the signature in the request (not in Traefik Hub).
        forward_authorization: bool => "forwardAuthorization",
        /// Header that tells the service the key's name (not in Traefik Hub).
        header_field: String => "headerField",
    }

    /// A shared key.
    pub struct HmacKey {
        /// What clients name it by, and the access log.
        id: String => "id",
        /// The key itself, as it is.
        key: Secret => "key",
    }

    /// Asks another service whether the request may pass.
    pub struct ForwardAuth {
        /// Its URL.
        address: String => "address",
        /// TLS towards it.
        tls: Option<ForwardAuthTls> => "tls",
        /// Keeps the `X-Forwarded-*` headers of the client.
        trust_forward_header: Option<bool> => "trustForwardHeader",
        /// Headers of its answer that the request takes over.
        auth_response_headers: Vec<String> => "authResponseHeaders",
        /// The same by an expression.
        auth_response_headers_regex: String => "authResponseHeadersRegex",
        /// Headers of the request it sees; empty means all.
        auth_request_headers: Vec<String> => "authRequestHeaders",
        /// Longest body of its answer, in bytes; unset means 1 MiB, -1 any.
        max_response_body_size: Option<i64> => "maxResponseBodySize",
        /// Cookies of its answer that the client gets.
        add_auth_cookies_to_response: Vec<String> => "addAuthCookiesToResponse",
        /// Header of the user's name, for the access log.
        header_field: String => "headerField",
        /// Sends the request's body.
        forward_body: bool => "forwardBody",
        /// Longest body that is sent, in bytes; -1 means any.
        max_body_size: Option<i64> => "maxBodySize" = Some(-1),
        /// Leaves the Location header as it is.
        preserve_location_header: bool => "preserveLocationHeader",
        /// Uses the request's method in place of GET.
        preserve_request_method: bool => "preserveRequestMethod",
        /// Where an unauthenticated client is sent to sign in.
        auth_signin_url: String => "authSigninURL",
    }

    /// TLS towards the service that is asked.
    pub struct ForwardAuthTls {
        /// CA certificates, PEM or file.
        ca: FileOrContent => "ca",
        /// Client certificate, PEM or file.
        cert: FileOrContent => "cert",
        /// Its key, PEM or file.
        key: FileOrContent => "key",
        /// Accepts any certificate.
        insecure_skip_verify: bool => "insecureSkipVerify",
        /// Deprecated and without effect.
        ca_optional: Option<bool> => "caOptional",
    }
}
