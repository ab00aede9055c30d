//! Reading conveniences on the contract's `Handshake`.

use crate::ArgsError;
use crate::bindings::exports::holdfast::edge::types::Handshake;
use serde::de::DeserializeOwned;

impl Handshake {
    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name == name)
            .map(|header| header.value.as_str())
    }

    /// The first value of this name in the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|pair| pair.name == name)
            .map(|pair| pair.value.as_str())
    }

    /// The credentials that the client gave with `auth`.
    ///
    /// # Errors
    /// When they are not such a type.
    pub fn auth<A: DeserializeOwned>(&self) -> Result<A, ArgsError> {
        serde_json::from_str(&self.auth).map_err(|error| ArgsError::new(error.to_string()))
    }
}
