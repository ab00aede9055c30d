//! Reading and writing arguments.

use super::{Args, Binary, encode_answer, encode_event, split_event};
use crate::bindings::exports::holdfast::edge::types::Payload;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn event(json: &str, attachments: &[&[u8]]) -> Option<(String, Args)> {
    let (name, args) = split_event(payload(json, attachments))?;
    Some((name.as_ref().to_owned(), args))
}

fn payload(json: &str, attachments: &[&[u8]]) -> Payload {
    Payload {
        json: json.to_owned(),
        attachments: attachments.iter().map(|bytes| bytes.to_vec()).collect(),
    }
}

fn args(json: &str) -> Args {
    Args::whole(payload(json, &[]))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i32, String);

#[test]
fn events_are_split_into_name_and_arguments() {
    let split = |json| event(json, &[]).map(|(name, args)| (name, args.json().to_owned()));
    let expected = |name: &str, args: &str| Some((name.to_owned(), args.to_owned()));
    assert_eq!(split(r#"["a",1,"b"]"#), expected("a", r#"[1,"b"]"#));
    assert_eq!(split(r#"["a"]"#), expected("a", "[]"));
    assert_eq!(split(" [ \"a\" \n, 1 ] "), expected("a", "[ 1 ] "));
    assert_eq!(split(r#"["a" ]"#), expected("a", "[]"));
    assert_eq!(split(r#"["\"\u00e4",1]"#), expected("\"ä", "[1]"));
    assert_eq!(split(r#"["",1]"#), expected("", "[1]"));
    assert_eq!(split("[5,1]"), expected("5", "[1]"));
    assert_eq!(split("[5]"), expected("5", "[]"));
    assert_eq!(
        split(r#"["größe","größe"]"#),
        expected("größe", r#"["größe"]"#)
    );
    for bad in [
        "",
        "[",
        "[]",
        "{}",
        "[null]",
        r#"["a"#,
        r#"["a" 1]"#,
        "[{}]",
        "null",
        r#"["a","#,
    ] {
        let args = split(bad).map(|(_, args)| args);
        assert!(args.is_none() || args.as_deref() == Some("["), "{bad}");
    }
}

#[test]
fn a_tuple_is_several_anything_else_is_one() {
    let three = args(r#"["a",2,{"x":1,"y":2}]"#);
    assert_eq!(three.read(), Ok(("a".to_owned(), 2, Point { x: 1, y: 2 })));
    assert_eq!(three.read(), Ok("a".to_owned()));
    assert_eq!(three.read(), Ok(json!("a")));
    assert_eq!(three.read(), Ok(()));
    assert_eq!(three.read(), Ok(("a".to_owned(),)));
    assert_eq!(args(r#"[1,"b"]"#).read(), Ok(Pair(1, "b".to_owned())));
    assert_eq!(args("[[1,2]]").read(), Ok(vec![1, 2]));
    assert_eq!(
        args(r#"[{"x":1,"y":2},9]"#).read(),
        Ok(Point { x: 1, y: 2 })
    );
    assert_eq!(three.read(), Ok(three.clone()));
}

#[test]
fn missing_arguments_are_undefined() {
    let one = args("[1]");
    assert_eq!(one.read(), Ok((1, None::<String>, None::<i32>)));
    assert_eq!(one.read(), Ok((1, Value::Null)));
    assert_eq!(one.read(), Ok((1, Args::none())));
    assert_eq!(
        one.read::<(i32, i32)>().unwrap_err().to_string(),
        "argument 2: is missing"
    );
    assert_eq!(
        args("[]").read::<String>().unwrap_err().to_string(),
        "argument 1: is missing"
    );
    assert_eq!(args("[]").read(), Ok(None::<i32>));
    assert_eq!(args("[null]").read(), Ok(None::<i32>));
    let error = args(r#"[1,"x"]"#)
        .read::<(i32, i32)>()
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        r#"argument 2: invalid type: string "x", expected i32"#
    );
}

#[test]
fn the_rest_of_the_arguments() {
    let (_, all) = event(r#"["e", "a,]", {"b":[1,2]} , 3.50,4]"#, &[]).unwrap();
    let (first, rest): (String, Args) = all.read().unwrap();
    assert_eq!(
        (first.as_str(), rest.json()),
        ("a,]", r#"[ {"b":[1,2]} , 3.50,4]"#)
    );
    let (_, _, rest): (Value, Value, Args) = all.read().unwrap();
    assert_eq!(rest.json(), "[ 3.50,4]");
    let (_, _, _, _, rest): (Value, Value, Value, Value, Args) = all.read().unwrap();
    assert!(rest.is_empty());
    assert_eq!(rest.json(), "[]");
}

#[test]
fn arguments_are_written_by_the_same_rule() {
    let json = |payload: Payload| payload.json;
    assert_eq!(json(encode_event("e", &()).unwrap()), r#"["e"]"#);
    assert_eq!(json(encode_event("e", &"x").unwrap()), r#"["e","x"]"#);
    assert_eq!(
        json(encode_event("e", &("x", 1, None::<i32>)).unwrap()),
        r#"["e","x",1,null]"#
    );
    assert_eq!(
        json(encode_event("e", &vec![1, 2]).unwrap()),
        r#"["e",[1,2]]"#
    );
    assert_eq!(json(encode_event("e", &[1, 2]).unwrap()), r#"["e",1,2]"#);
    assert_eq!(
        json(encode_event("e", &Point { x: 1, y: 2 }).unwrap()),
        r#"["e",{"x":1,"y":2}]"#
    );
    assert_eq!(
        json(encode_event("e", &Pair(1, "b".into())).unwrap()),
        r#"["e",1,"b"]"#
    );
    assert_eq!(
        json(encode_event("\"\n", &None::<i32>).unwrap()),
        r#"["\"\n",null]"#
    );
    assert_eq!(json(encode_answer(&()).unwrap()), "[]");
    assert_eq!(json(encode_answer(&(1,)).unwrap()), "[1]");
    assert_eq!(json(encode_answer(&true).unwrap()), "[true]");
    assert!(encode_answer(&std::collections::BTreeMap::from([((1, 2), 3)])).is_err());
}

#[test]
fn arguments_are_passed_on_unread() {
    let (_, all) = event(r#"["e","\ud800", 1.50]"#, &[]).unwrap();
    assert_eq!(
        encode_event("f", &all).unwrap().json,
        r#"["f","\ud800", 1.50]"#
    );
    assert_eq!(encode_answer(&all).unwrap().json, r#"["\ud800", 1.50]"#);
    assert_eq!(
        encode_event("f", &(1, &all, 2)).unwrap().json,
        r#"["f",1,"\ud800", 1.50,2]"#
    );
    assert_eq!(
        encode_answer(&(Args::none(), 1, Args::none()))
            .unwrap()
            .json,
        "[1]"
    );
    assert_eq!(encode_event("f", &Args::none()).unwrap().json, r#"["f"]"#);
    assert!(encode_event("f", &vec![all]).is_err(), "inside an argument");
}

#[test]
fn binary_stands_anywhere() {
    let value = (
        Binary(vec![1]),
        vec![Some(Binary(vec![]))],
        json!({ "a": 1 }),
        Binary(vec![2, 3]),
    );
    let written = encode_event("e", &value).unwrap();
    let placeholder = |number| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
    let json = format!(
        r#"["e",{},[{}],{{"a":1}},{}]"#,
        placeholder(0),
        placeholder(1),
        placeholder(2)
    );
    assert_eq!(written, payload(&json, &[&[1], &[], &[2, 3]]));
    let (_, args) = split_event(written).unwrap();
    assert_eq!(args.read(), Ok(value));

    assert_eq!(
        encode_answer(&Binary(vec![9])).unwrap(),
        payload(&format!("[{}]", placeholder(0)), &[&[9]])
    );
    assert!(
        serde_json::to_string(&Binary(vec![1])).is_err(),
        "outside of a message"
    );
}

#[test]
fn placeholders_must_point_to_something() {
    let read = |json: &str| {
        Args::whole(payload(json, &[&[1]]))
            .read::<Binary>()
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        read(r#"[{"num":0,"_placeholder":true}]"#),
        Ok(Binary(vec![1]))
    );
    assert_eq!(
        read(r#"[{"_placeholder":true,"num":1}]"#),
        Err("argument 1: there is no binary value 1".into())
    );
    assert!(read(r#"[{"_placeholder":true,"num":-1}]"#).is_err());
    assert!(read(r#"[{"_placeholder":false,"num":0}]"#).is_err());
    assert!(read(r#"["text"]"#).is_err());
}

#[test]
fn passed_on_binary_keeps_its_numbers() {
    let (_, all) = event(r#"["e",1,{"_placeholder":true,"num":0}]"#, &[&[7]]).unwrap();
    let (_, rest): (i32, Args) = all.read().unwrap();
    let written = encode_event("f", &(Binary(vec![8]), &rest, Binary(vec![9]), &all)).unwrap();
    let (_, read) = split_event(written.clone()).unwrap();
    assert_eq!(written.attachments, [vec![7], vec![8], vec![9]]);
    let (a, b, c, one, d): (Binary, Binary, Binary, i32, Binary) = read.read().unwrap();
    assert_eq!([a.0, b.0, c.0, d.0], [vec![8], vec![7], vec![9], vec![7]]);
    assert_eq!(one, 1);

    let (_, other) = event(r#"["e",{"_placeholder":true,"num":0}]"#, &[&[6]]).unwrap();
    assert!(
        encode_event("f", &(all, other)).is_err(),
        "binary of two messages"
    );
}

#[test]
fn flattened_and_untagged_types_carry_binary() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        name: String,
        #[serde(flatten)]
        content: Content,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Content {
        Bytes { bytes: Binary },
        Text { text: String },
    }
    let file = File {
        name: "f".into(),
        content: Content::Bytes {
            bytes: Binary(vec![1, 2]),
        },
    };
    let written = encode_answer(&file).unwrap();
    assert_eq!(Args::whole(written).read(), Ok(file));
}

#[test]
fn broken_json_is_an_error() {
    for broken in ["[1", "", "[1,]", "{}", "[1 2]"] {
        assert!(
            args(broken).read::<(i32, Option<i32>)>().is_err(),
            "{broken}"
        );
    }
    let deep = format!("[{}{}]", "[".repeat(400), "]".repeat(400));
    assert!(args(&deep).read::<Value>().is_err());
}
