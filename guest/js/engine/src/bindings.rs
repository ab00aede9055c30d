//! The contract's types and the export macro, generated from `wit/app.wit`. The rest of the crate uses
//! these types as they are: there is no second set.
#![allow(
    missing_docs,
    reason = "generated; the documentation is in the WIT files"
)]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "app",
    additional_derives: [PartialEq, Eq],
});

pub use exports::holdfast::edge::{app_guest, types};
