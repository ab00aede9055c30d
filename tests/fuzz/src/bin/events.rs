//! Fuzz target: a script of everything that can happen to the protocol guest. The host in miniature
//! checks every action against the contract and compares every answer with that of an instance just
//! restored. Started by `run.sh`.

#![no_main]

use holdfast_fuzz::checked::{Checked, bytes_max};
use holdfast_fuzz::events::Play;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let mut play = Play::new(Checked::new, script);
    play.host.guest.bytes_max = bytes_max(script);
    play.run();
    let kept: usize = play
        .host
        .records
        .values()
        .map(|record| record.blob.len())
        .sum();
    assert!(kept <= bytes_max(script), "{kept} bytes are remembered");
});
