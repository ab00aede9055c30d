//! Messages between the instances of an app (Socket.IO `serverSideEmit`). Every shard hears every such
//! order, so each decides for itself whether its own instance is meant.

use super::Sockets;
use crate::answer::Answer;
use crate::apps::Instance;
use crate::contract::{Answered, App, AppEvent, Place, ReturnAddress, Serve, ServeReply, Served};

impl Sockets {
    /// A message for the app's other instances: for this shard's own, if the app has one here and it is
    /// not the one that sends.
    pub(super) fn serve(&self, by: Instance, serve: Serve, shard: Place, answer: &mut Answer) {
        let own = self.apps.place(by.app) == Some(shard);
        if !own || by.place == shard || self.apps.serving(&serve.namespace) != Some(by.app) {
            return;
        }
        let reply = serve.reply.map(|token| ReturnAddress {
            place: by.place,
            token,
        });
        answer.dispatch(
            by.app,
            AppEvent::Served(Served {
                namespace: serve.namespace,
                payload: serve.payload,
                reply,
            }),
        );
    }

    /// An answer to such a message: for this shard's own instance, if it is the one that asked.
    pub(super) fn serve_reply(
        &self,
        app: App,
        reply: ServeReply,
        shard: Place,
        answer: &mut Answer,
    ) {
        if reply.to.place == shard && self.apps.place(app) == Some(shard) {
            answer.dispatch(
                app,
                AppEvent::Answered(Answered {
                    token: reply.to.token,
                    payload: reply.payload,
                }),
            );
        }
    }
}
