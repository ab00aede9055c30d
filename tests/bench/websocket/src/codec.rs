//! What framing costs without a socket: nanoseconds a 64-byte text frame, received and
//! answered, for each header codec.
//!
//! Called by `main`. The same `frames::consume` as in the servers, so the differences are
//! those of header, masking and UTF-8 code.

use std::hint::black_box;
use std::time::Instant;

use crate::frames::{
    self, Assembly, Codec, HEADER_BYTES_MAX, Hand, HandSimdUtf8, Soketto, Tungstenite,
};
use crate::load::{self, Content};

const FRAMES: usize = 64;
const REPEATS: usize = 20_000;
const ROUNDS: usize = 9;

type Measure = fn(&[u8]) -> f64;

pub fn run() {
    let measures: [(&str, Measure); 4] = [
        ("hand", measure::<Hand>),
        ("hand-simdutf8", measure::<HandSimdUtf8>),
        ("tungstenite", measure::<Tungstenite>),
        ("soketto", measure::<Soketto>),
    ];
    let (frame, _) = load::frames(Content::Text64, 0);
    let received = frame.repeat(FRAMES);
    let mut figures = measures.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, measure), values) in measures.iter().zip(&mut figures) {
            values.push(measure(&received));
        }
    }
    println!("| codec | ns a frame |");
    println!("|---|---:|");
    for ((name, _), values) in measures.iter().zip(&mut figures) {
        values.sort_by(f64::total_cmp);
        println!(
            "| {name} | **{:.0}** ({:.0}–{:.0}) |",
            values[ROUNDS / 2],
            values[0],
            values[ROUNDS - 1]
        );
    }
}

fn measure<C: Codec>(received: &[u8]) -> f64 {
    let mut scratch = received.to_vec();
    let mut replies = Vec::with_capacity(received.len());
    let mut assembly = Assembly::default();
    let start = Instant::now();
    for _ in 0..REPEATS {
        scratch.copy_from_slice(received);
        replies.clear();
        let result =
            frames::consume::<C>(&mut assembly, black_box(&mut scratch), |opcode, payload| {
                let mut header = [0; HEADER_BYTES_MAX];
                let header_bytes = C::format(opcode, payload.len(), &mut header);
                replies.extend_from_slice(&header[..header_bytes]);
                replies.extend_from_slice(payload);
            });
        assert!(matches!(result, Ok((consumed, _)) if consumed == received.len()));
        black_box(&replies);
    }
    start.elapsed().as_nanos() as f64 / (REPEATS * FRAMES) as f64
}
