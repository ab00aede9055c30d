//! An app with an instance on each shard: who serves whom, what reaches all, where answers go, and whom a
//! crash concerns.

use crate::support::client::Client;
use crate::support::node::{TestNode, fragile_protocol, hostile_app};
use holdfast::config::Instances;

fn start(shards: usize, instances: Instances) -> TestNode {
    TestNode::start(|config| {
        config.shards = shards.into();
        config.protocol.file = Some(fragile_protocol());
        config.app.file = Some(hostile_app());
        config.app.instances = instances;
    })
}

/// The instance that serves a client.
fn place(client: &mut Client) -> usize {
    client.send("42[\"where\"]");
    let text = client.text();
    let rest = text.strip_prefix("42[\"where\",");
    let place = rest.and_then(|rest| rest.split(',').next()?.parse().ok());
    place.unwrap_or_else(|| panic!("no place in {text}"))
}

/// At least two clients of each of two instances, by instance: shards take connections as they come.
fn two_each(node: &TestNode) -> [Vec<Client>; 2] {
    let mut clients = [Vec::new(), Vec::new()];
    for _ in 0..200 {
        let mut client = Client::join(node.port);
        clients[place(&mut client)].push(client);
        if clients.iter().all(|some| some.len() >= 2) {
            return clients;
        }
    }
    panic!("one shard took nearly all connections");
}

fn everybody(clients: &mut [Vec<Client>; 2]) -> impl Iterator<Item = &mut Client> {
    clients.iter_mut().flatten()
}

#[test]
fn each_shard_is_served_by_its_own_instance() {
    let node = start(2, Instances::PerShard);
    let mut clients = two_each(&node);
    for (place, client) in clients.iter_mut().enumerate() {
        client[0].send("42[\"where\"]");
        assert_eq!(client[0].text(), format!("42[\"where\",{place},2,2]"));
    }
    let node = start(2, Instances::One);
    for _ in 0..8 {
        let mut client = Client::join(node.port);
        client.send("42[\"where\"]");
        assert_eq!(client.text(), "42[\"where\",0,1,2]");
    }
}

#[test]
fn what_one_instance_broadcasts_reaches_the_clients_of_all_in_order() {
    let node = start(2, Instances::PerShard);
    let mut clients = two_each(&node);
    for _ in 0..3 {
        for sender in 0..2 {
            clients[sender][0].send("42[\"shout\"]");
            clients[sender][0].send("42[\"shout\"]");
            for client in everybody(&mut clients) {
                for _ in 0..2 {
                    assert_eq!(client.text(), format!("42[\"shout\",{sender}]"));
                }
            }
        }
    }
}

#[test]
fn answers_come_back_to_the_instance_that_asked() {
    for instances in [Instances::PerShard, Instances::One] {
        let node = start(2, instances);
        let mut clients = if instances == Instances::PerShard {
            two_each(&node)
        } else {
            [
                (0..6).map(|_| Client::join(node.port)).collect(),
                Vec::new(),
            ]
        };
        let count = everybody(&mut clients).count();
        for asker in (0..2).filter(|asker| *asker == 0 || instances == Instances::PerShard) {
            clients[asker][1].send("42[\"find\"]");
            let found = format!("42[\"answers\",{count},{asker}]");
            assert_eq!(clients[asker][1].text(), found);
            clients[asker][1].send("42[\"ask\"]");
            for client in everybody(&mut clients) {
                answer_question(client);
            }
            assert_eq!(clients[asker][1].text(), found, "of all that were asked");
        }
    }
}

/// Acknowledges the question that comes next.
fn answer_question(client: &mut Client) {
    let text = client.text();
    let number = text
        .strip_prefix("42")
        .and_then(|rest| rest.strip_suffix("[\"question\"]"))
        .unwrap_or_else(|| panic!("no question in {text}"));
    client.send(&format!("43{number}[]"));
}

#[test]
fn a_crash_concerns_the_clients_of_one_instance() {
    let node = start(2, Instances::PerShard);
    let mut clients = two_each(&node);
    for (count, crashing) in [0, 1, 0].into_iter().enumerate() {
        let other = 1 - crashing;
        clients[crashing][0].send("42[\"trap\"]");
        for client in &mut clients[crashing] {
            assert_eq!(client.text(), "42[\"resumed\"]");
            client.send("421[\"hello\"]");
            assert_eq!(client.text(), "431[\"ok\"]");
        }
        for client in &mut clients[other] {
            client.send("421[\"hello\"]");
            assert_eq!(client.text(), "431[\"ok\"]", "nobody else is introduced");
        }
        assert_eq!(node.counters.guest_traps.total(), count as u64 + 1);
        // Orders for all go on being counted from where the crashed instance was.
        for sender in [crashing, other] {
            clients[sender][0].send("42[\"shout\"]");
            for client in everybody(&mut clients) {
                assert_eq!(client.text(), format!("42[\"shout\",{sender}]"));
            }
        }
    }
}

#[test]
fn late_answers_to_a_crashed_instance_are_nobodys() {
    let node = start(2, Instances::PerShard);
    let mut clients = two_each(&node);
    clients[0][0].send("42[\"ask\"]");
    let mut questions = Vec::new();
    for client in everybody(&mut clients) {
        questions.push(client.text());
    }
    // Whatever is still under way between the shards has come when this is answered.
    let count = everybody(&mut clients).count();
    clients[0][0].send("42[\"find\"]");
    assert_eq!(clients[0][0].text(), format!("42[\"answers\",{count},0]"));
    clients[0][0].send("42[\"trap\"]");
    for client in &mut clients[0] {
        assert_eq!(client.text(), "42[\"resumed\"]");
    }
    for (client, question) in everybody(&mut clients).zip(&questions) {
        let number = &question[2..question.len() - "[\"question\"]".len()];
        client.send(&format!("43{number}[]"));
        client.send("421[\"hello\"]");
        assert_eq!(client.text(), "431[\"ok\"]");
    }
    assert_eq!(node.counters.guest_traps.total(), 1);
    // A question of the new instance is answered as ever.
    clients[0][0].send("42[\"ask\"]");
    for client in everybody(&mut clients) {
        answer_question(client);
    }
    assert_eq!(
        clients[0][0].text(),
        format!("42[\"answers\",{count},0]"),
        "and no late answer is counted"
    );
}

#[test]
fn one_instance_that_crashes_over_a_client_refuses_it() {
    let node = start(2, Instances::PerShard);
    let mut clients = two_each(&node);
    for some in &mut clients {
        some[0].send("40/trap,");
        loop {
            let text = some[0].text();
            if text.starts_with("44/trap,") {
                break;
            }
            assert_eq!(text, "42[\"resumed\"]");
        }
    }
}
