//! What a client sends comes back, unread.

use holdfast_sdk::{Ack, Args, Socket};

/// `echo` and `message`.
pub(crate) fn attach(socket: &Socket) {
    attach_echo(socket);
    socket.on("message", |socket: &Socket, args: Args| socket.send(args));
}

/// `echo`, and every other event too.
pub(crate) fn attach_everything(socket: &Socket) {
    attach_echo(socket);
    socket.on_any(|socket, event, args| {
        if event != "echo" {
            socket.emit(event, args);
        }
    });
}

/// `echo`: by the acknowledgement when one is asked for, else by an event.
pub(crate) fn attach_echo(socket: &Socket) {
    socket.on_ack("echo", |socket, args: Args, ack: Ack| {
        if ack.is_wanted() {
            ack.send(args);
        } else {
            socket.emit("echo", args);
        }
    });
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Binary, Value, json};

    #[test]
    fn what_is_sent_comes_back() {
        let server = Server::start(crate::app);
        for namespace in ["/", "/echo"] {
            let ann = server.connect(namespace);
            let sent = (1, "two", json!({ "three": [3] }), Binary(vec![4, 5]));
            assert_eq!(
                ann.call("echo", sent.clone()),
                Some((
                    1,
                    "two".to_owned(),
                    json!({ "three": [3] }),
                    Binary(vec![4, 5])
                ))
            );
            ann.emit("echo", sent);
            assert_eq!(
                ann.received::<(i32, String, Value, Binary)>("echo").len(),
                1
            );
            assert_eq!(ann.call("echo", ()), Some(()));
            ann.emit("message", ("hello", 1));
            assert_eq!(
                ann.received::<(String, i32)>("message"),
                [("hello".to_owned(), 1)]
            );
        }
    }

    #[test]
    fn the_echo_namespace_echoes_everything() {
        let server = Server::start(crate::app);
        let ann = server.connect("/echo");
        ann.emit("anything", (1, Binary(vec![2])));
        assert_eq!(
            ann.received::<(i32, Binary)>("anything"),
            [(1, Binary(vec![2]))]
        );
        ann.emit("echo", 1);
        assert_eq!(ann.received::<i32>("echo"), [1]);
    }

    #[test]
    fn text_that_is_no_unicode_comes_back_as_it_was() {
        let server = Server::start(crate::app);
        let ann = server.connect("/");
        let payload = holdfast_sdk::Payload {
            json: r#"["echo","\ud800",{"b":1,"a":2}, 1.50]"#.into(),
            attachments: vec![],
        };
        ann.send(payload, None);
        let [echo] = ann.inbox().try_into().unwrap();
        assert_eq!(echo.args.json(), r#"["\ud800",{"b":1,"a":2}, 1.50]"#);
    }
}
