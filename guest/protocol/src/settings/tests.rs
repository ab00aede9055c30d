//! What the table reads, what it refuses, and that the documentation names all of it.

use super::table::{Kind, ROWS};
use super::*;
use crate::engine::cors::Origin;

fn setting(key: &str, value: &str) -> Setting {
    Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn read(key: &str, value: &str) -> Result<Settings, String> {
    Settings::read(&[setting(key, value)])
}

#[test]
fn the_defaults_of_the_table_are_the_defaults() {
    for row in ROWS.iter().filter(|row| !row.default.is_empty()) {
        let settings = read(row.key, row.default).unwrap();
        assert_eq!(settings, Settings::default(), "{}", row.key);
    }
}

#[test]
fn every_setting_is_documented() {
    let docs = include_str!("../../../../docs/settings.md");
    for row in ROWS {
        let told = matches!(row.kind, Kind::Told(_));
        let name = row.key.replace('*', "NAME");
        assert!(
            docs.contains(&format!("| `{name}` |")) != told,
            "{name} has no row in docs/settings.md, or one that it should not have"
        );
    }
}

#[test]
fn plain_settings_are_read() {
    assert_eq!(read("path", "/x/").unwrap().path, "/x");
    assert!(!read("transports", "websocket").unwrap().polling);
    assert!(!read("transports", "[\"websocket\"]").unwrap().polling);
    assert!(!read("allow_upgrades", "false").unwrap().allow_upgrades);
    assert_eq!(read("ping_interval", "300").unwrap().ping_interval_ms, 300);
    assert_eq!(read("ping_timeout", "200").unwrap().ping_timeout_ms, 200);
    assert_eq!(read("upgrade_timeout", "1").unwrap().upgrade_timeout_ms, 1);
    assert_eq!(read("connect_timeout", "5").unwrap().connect_timeout_ms, 5);
    let size = read("max_http_buffer_size", "100").unwrap();
    assert_eq!(size.max_http_buffer_size, 100);
    assert_eq!(read("max_attachments", "0").unwrap().max_attachments, 0);
    assert!(!read("serve_client", "false").unwrap().serve_client);
    assert_eq!(read("parser", "msgpack").unwrap().parser, Parser::Msgpack);
    let cleanup = read("cleanup_empty_child_namespaces", "true").unwrap();
    assert!(cleanup.cleanup_empty_child_namespaces);
    assert_eq!(read("shard", "3").unwrap().shard, 3);
    assert_eq!(read("shards", "4").unwrap().shards, 4);
}

#[test]
fn tables_are_turned_on_by_what_is_in_them() {
    let settings = Settings::read(&[
        setting("cors", "true"),
        setting("cors.origin", "[\"https://a.example\",\"/b/i\"]"),
        setting("cors.methods", "[\"GET\",\"POST\"]"),
        setting("cors.allowed_headers", "x-a, x-b"),
        setting("cors.exposed_headers", "x-c"),
        setting("cors.credentials", "true"),
        setting("cors.max_age", "600"),
        setting("cors.preflight_continue", "true"),
        setting("cors.options_success_status", "200"),
        setting("cookie.same_site", "none"),
        setting("cookie.secure", "true"),
        setting("cookie.max_age", "60"),
        setting("headers.X-Served-By", "holdfast"),
        setting("initial_headers.x-first", "1"),
        setting("per_message_deflate.level", "1"),
        setting("http_compression.threshold", "0"),
    ])
    .unwrap();
    let cors = settings.cors.unwrap();
    assert!(matches!(&cors.origin, Origin::Reflected(list) if list.len() == 2));
    assert_eq!(cors.methods, "GET,POST");
    assert_eq!(cors.allowed_headers.as_deref(), Some("x-a,x-b"));
    assert_eq!(cors.max_age.as_deref(), Some("600"));
    assert_eq!(cors.options_success_status, 200);
    assert_eq!(
        settings.cookie.unwrap().serialize("s"),
        "io=s; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=None"
    );
    assert_eq!(settings.headers[0].name, "x-served-by");
    assert_eq!(settings.initial_headers[0].value, "1");
    let deflate = settings.per_message_deflate.unwrap();
    assert_eq!(
        (deflate.threshold, deflate.level, deflate.window_bits),
        (1024, 1, 15)
    );
    assert_eq!(settings.http_compression_bytes_min, Some(0));
}

#[test]
fn a_whole_table_is_turned_off_whatever_is_in_it() {
    let settings = Settings::read(&[
        setting("cors", "false"),
        setting("cors.origin", "*"),
        setting("cookie", "false"),
        setting("cookie.name", "x"),
        setting("http_compression", "false"),
        setting("http_compression.threshold", "5"),
    ])
    .unwrap();
    assert_eq!(settings.cors, None);
    assert_eq!(settings.cookie, None);
    assert_eq!(settings.http_compression_bytes_min, None);
    let name = read("cookie", "sid").unwrap().cookie.unwrap().name;
    assert_eq!(name, "sid");
    assert_eq!(read("cors", "*").unwrap().cors, Some(Cors::default()));
}

#[test]
fn errors_name_key_value_and_what_is_allowed() {
    for (key, value) in [
        ("colour", "red"),
        ("cors.colour", "red"),
        ("path", "socket.io"),
        ("path", "/"),
        ("transports", ""),
        ("transports", "pigeon"),
        ("transports", "[\"polling\",\"pigeon\"]"),
        ("allow_upgrades", "yes"),
        ("ping_interval", "0"),
        ("ping_timeout", "-1"),
        ("max_attachments", "99999999999999999999"),
        ("parser", "json"),
        ("cors", "https://a.example"),
        ("cors.origin", "/(/"),
        ("cors.origin", "[\"a\""),
        ("cors.methods", "GET\r\nx: y"),
        ("cors.max_age", "-2"),
        ("cors.options_success_status", "199"),
        ("cookie", "a b"),
        ("cookie.path", "/;"),
        ("cookie.same_site", "perhaps"),
        ("cookie.expires", "tomorrow"),
        ("headers.", "a"),
        ("headers.a b", "a"),
        ("headers.content-length", "5"),
        ("headers.x", "a\nb: c"),
        ("initial_headers.upgrade", "x"),
        ("per_message_deflate.window_bits", "8"),
        ("per_message_deflate", "1"),
    ] {
        let error = read(key, value).unwrap_err();
        assert!(
            error.contains(key) && error.contains(value) && error.contains("allowed"),
            "{error}"
        );
    }
    let many: Vec<_> = (0..40)
        .map(|number| setting(&format!("headers.x-{number}"), "a"))
        .collect();
    assert!(Settings::read(&many).unwrap_err().contains("32 headers"));
}
