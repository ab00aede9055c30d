//! Entry point: `serve CANDIDATE` is one echo server on stdin's leash, `run` measures
//! all candidates in interleaved rounds and prints the README's table, `codec` measures
//! framing alone, in memory.
//!
//! Called by a developer only. Never part of the product, never listens beyond 127.0.0.1.

mod codec;
mod epoll;
mod frames;
mod hub;
mod libraries;
mod load;
mod readiness;
mod report;
mod serve;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", candidate] => serve::run(candidate),
        ["codec"] => codec::run(),
        ["run", options @ ..] => report::run(options),
        _ => {
            eprintln!(
                "usage: serve CANDIDATE | codec | run [ROUNDS [SCENARIO[,SCENARIO…] [CANDIDATE[,…]]]]"
            );
            std::process::exit(2);
        }
    }
}
