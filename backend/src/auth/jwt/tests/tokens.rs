//! Tests of tokens: which count, for whom, and for how long.

use super::*;

#[test]
fn each_algorithm_has_its_keys() {
    let pair = Pair::new();
    let rs = |claims: &Value| encode(&Header::new(Algorithm::RS256), claims, &rsa().private);
    let (hs, es, rs) = (sign(&good()), pair.sign("a", &good()), rs(&good()).unwrap());
    let guards = [
        (shared(&[]), [true, false, false]),
        (jwt(&[("JWT_PUBLIC_KEY", &pair.pem)]), [false, true, false]),
        (jwt(&[("JWT_PUBLIC_KEY", &rsa().pem)]), [false, false, true]),
        (
            shared(&[("JWT_PUBLIC_KEY", &pair.pem.replace('\n', "\\n"))]),
            [true, true, false],
        ),
    ];
    for (guard, counts) in guards {
        for (token, counts) in [&hs, &es, &rs].into_iter().zip(counts) {
            let identity = guard.identify(token, at(NOW));
            assert_eq!(identity.is_ok(), counts, "{identity:?}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &pair.pem).unwrap();
    let path = file.path().to_string_lossy().into_owned();
    let guard = jwt(&[("JWT_PUBLIC_KEY", &path)]);
    assert!(guard.identify(&es, at(NOW)).is_ok());
}

#[test]
fn a_token_does_not_choose_how_it_is_verified() {
    let pair = Pair::new();
    let public = jwt(&[("JWT_PUBLIC_KEY", &pair.pem)]);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = part(&good());
    for head in [
        json!({"alg": "none"}),
        json!({"alg": "None", "typ": "JWT"}),
        json!({"typ": "JWT"}),
    ] {
        for token in [
            format!("{}.{payload}.", part(&head)),
            format!("{}.{payload}", part(&head)),
        ] {
            for guard in [&public, &shared(&[])] {
                assert_eq!(why(guard.identify(&token, at(NOW))), "Token is not valid");
            }
        }
    }
    // The public key as a secret, in each form it has.
    let der = pair.pem.lines().nth(1).unwrap();
    let der = STANDARD.decode(der).unwrap();
    for secret in [pair.pem.as_bytes(), &der, &pair.point] {
        let key = EncodingKey::from_secret(secret);
        let token = encode(&Header::new(Algorithm::HS256), &good(), &key).unwrap();
        assert!(public.identify(&token, at(NOW)).is_err());
    }
    // Other algorithms of a kind that is known.
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::new(Algorithm::HS512), &good(), &key).unwrap();
    assert!(shared(&[]).identify(&token, at(NOW)).is_err());
    let rsa_guard = jwt(&[("JWT_PUBLIC_KEY", &rsa().pem)]);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = encode(&Header::new(algorithm), &good(), &rsa().private).unwrap();
        assert!(rsa_guard.identify(&token, at(NOW)).is_err());
    }
    // A key that the token brings along, and extensions that nobody here understands.
    let stranger = Pair::new();
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = serde_json::from_value(stranger.jwk("a")).unwrap();
    let token = encode(&header, &good(), &stranger.private).unwrap();
    assert!(public.identify(&token, at(NOW)).is_err());
    let mut header = Header::new(Algorithm::ES256);
    header.crit = Some(vec!["b64".to_owned()]);
    let token = encode(&header, &good(), &pair.private).unwrap();
    assert!(public.identify(&token, at(NOW)).is_err());
}

#[test]
fn what_is_changed_or_no_token_is_refused() {
    let guard = shared(&[]);
    let token = sign(&good());
    assert!(guard.identify(&token, at(NOW)).is_ok());
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = rest.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(with("role", json!("admin")).to_string());
    let list = sign(&json!([1]));
    for wrong in [
        "",
        "x",
        "..",
        "a.b.c",
        rest,
        &format!("{token}.x"),
        &format!("{head}.{forged}.{signature}"),
        &format!("{token}{}", "A".repeat(17_000)),
        &list,
    ] {
        assert_eq!(why(guard.identify(wrong, at(NOW))), "Token is not valid");
    }
}

#[test]
fn the_clock_may_differ_when_it_lets_in() {
    let guard = shared(&[]);
    let token = sign(&good());
    let end = NOW + 100;
    for (now, left) in [
        (NOW, Some(100)),
        (end - 1, Some(1)),
        (end, Some(60)),
        (end + 30, Some(30)),
        (end + 59, Some(1)),
        (end + 60, None),
        (end + 1_000_000, None),
    ] {
        let before = Instant::now();
        let identity = guard.identify(&token, at(now));
        let Some(left) = left else {
            assert_eq!(why(identity), "Token has expired");
            continue;
        };
        let until = identity.unwrap().until.unwrap();
        let (earliest, latest) = (before, Instant::now());
        let left = Duration::from_secs(left);
        assert!(until >= earliest + left && until <= latest + left, "{now}");
    }
    for (start, counts) in [(NOW, true), (NOW + 60, true), (NOW + 61, false)] {
        let token = sign(&with("nbf", json!(start)));
        assert_eq!(guard.identify(&token, at(NOW)).is_ok(), counts, "{start}");
    }
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!([])),
        ("exp", json!(-1)),
        ("nbf", json!("0")),
    ] {
        let token = sign(&with(name, value));
        assert!(guard.identify(&token, at(NOW)).is_err(), "{name}");
    }
    // Longer than clocks go on.
    let token = sign(&with("exp", json!(1e300)));
    assert_eq!(guard.identify(&token, at(NOW)).unwrap().until, None);
}

#[test]
fn without_an_end_it_counts_only_where_that_is_asked_for() {
    let token = sign(&with("exp", Value::Null));
    let refused = why(shared(&[]).identify(&token, at(NOW)));
    assert_eq!(refused, "Token never expires");
    let lenient = shared(&[("JWT_ALLOW_NO_EXP", "true")]);
    assert_eq!(lenient.identify(&token, at(NOW)).unwrap().until, None);
    let mut claims = good();
    claims["exp"] = Value::Null;
    assert!(lenient.identify(&sign(&claims), at(NOW)).is_err());
    let old = sign(&with("exp", json!(NOW - 61)));
    assert!(lenient.identify(&old, at(NOW)).is_err());
}

#[test]
fn issuer_and_audience_are_held_against_what_is_configured() {
    let guard = shared(&[("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "tv")]);
    let claims = |issuer: Value, audience: Value| {
        let mut claims = with("iss", issuer);
        if !audience.is_null() {
            claims["aud"] = audience;
        }
        sign(&claims)
    };
    let us = || json!("https://id.example");
    for (issuer, audience, counts) in [
        (us(), json!("tv"), true),
        (us(), json!(["web", "tv"]), true),
        (us(), json!(["web"]), false),
        (us(), json!("TV"), false),
        (us(), json!({"tv": 1}), false),
        (us(), Value::Null, false),
        (json!("https://id.example/"), json!("tv"), false),
        (json!(["https://id.example"]), json!("tv"), false),
        (Value::Null, json!("tv"), false),
    ] {
        let token = claims(issuer, audience);
        let identity = guard.identify(&token, at(NOW));
        assert_eq!(identity.is_ok(), counts, "{token}: {identity:?}");
        // Where neither is configured, neither counts.
        assert!(shared(&[]).identify(&token, at(NOW)).is_ok());
    }
}

#[test]
fn roles_and_names_come_from_the_claims() {
    let guard = shared(&[]);
    let identity = |claims: &Value| guard.identify(&sign(claims), at(NOW));
    for (role, expected) in [
        (json!("viewer"), Some(Role::Viewer)),
        (json!("moderator"), Some(Role::Moderator)),
        (json!("operator"), Some(Role::Operator)),
        (json!("admin"), Some(Role::Admin)),
        (Value::Null, Some(Role::Viewer)),
        (json!("root"), None),
        (json!("Admin"), None),
        (json!(""), None),
        (json!(["admin"]), None),
        (json!(3), None),
    ] {
        let found = identity(&with("role", role.clone()));
        assert_eq!(found.ok().map(|found| found.role), expected, "{role}");
    }
    let shown = |claims: &Value| {
        let identity = identity(claims).unwrap();
        (identity.id.to_string(), identity.name.to_string())
    };
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(shown(&good()), pair("u1", "Ada"));
    assert_eq!(shown(&with("name", Value::Null)), pair("u1", "u1"));
    assert_eq!(shown(&with("name", json!(" \n"))), pair("u1", "u1"));
    assert_eq!(shown(&with("sub", Value::Null)), pair("Ada", "Ada"));
    let long = "ä".repeat(1000);
    assert_eq!(shown(&with("name", json!(long))).1, "ä".repeat(40));
    let nameless = json!({"exp": NOW + 1});
    assert_eq!(shown(&nameless).1, "unnamed");
}

#[test]
fn a_key_that_cannot_be_used_names_its_variable() {
    let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    for (value, word) in [
        ("-----BEGIN PUBLIC KEY-----\\nAAAA", "no PUBLIC KEY"),
        (private.as_str(), "private key"),
        (other.public_key_pem().as_str(), "can't be used"),
        ("/nowhere/key.pem", "/nowhere/key.pem"),
        ("c2VjcmV0", "no file"),
    ] {
        let text = try_jwt(&[("JWT_PUBLIC_KEY", value)])
            .unwrap_err()
            .to_string();
        assert!(text.starts_with("JWT_PUBLIC_KEY"), "{text}");
        assert!(text.contains(word) && text.contains("allowed: "), "{text}");
        assert!(
            !text.contains("c2VjcmV0") && !text.contains(&private[40..60]),
            "{text}"
        );
    }
}
