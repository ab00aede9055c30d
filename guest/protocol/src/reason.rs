//! Why a session or a socket is over, in the reference's words. Used by both layers.

/// What an app reads as the reason of a disconnection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client broke the transport's rules, or a poll or POST was given up.
    TransportError,
    /// The connection, or the client, closed the session.
    TransportClose,
    /// An orderly close by the server has run its course.
    ForcedClose,
    /// No pong came in time.
    PingTimeout,
    /// An Engine.IO packet could not be read.
    ParseError,
    /// The node stops.
    ServerShuttingDown,
    /// The server closed the whole session.
    ForcedServerClose,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The app put the socket out.
    ServerNamespaceDisconnect,
}

impl Reason {
    /// Whether the client may come back to its socket (reference: `RECOVERABLE_DISCONNECT_REASONS`).
    pub fn is_recoverable(self) -> bool {
        match self {
            Reason::TransportError
            | Reason::TransportClose
            | Reason::ForcedClose
            | Reason::PingTimeout
            | Reason::ServerShuttingDown
            | Reason::ForcedServerClose => true,
            Reason::ParseError
            | Reason::ClientNamespaceDisconnect
            | Reason::ServerNamespaceDisconnect => false,
        }
    }

    /// The word that goes to the app.
    pub fn word(self) -> &'static str {
        match self {
            Reason::TransportError => "transport error",
            Reason::TransportClose => "transport close",
            Reason::ForcedClose => "forced close",
            Reason::PingTimeout => "ping timeout",
            Reason::ParseError => "parse error",
            Reason::ServerShuttingDown => "server shutting down",
            Reason::ForcedServerClose => "forced server close",
            Reason::ClientNamespaceDisconnect => "client namespace disconnect",
            Reason::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }
}
