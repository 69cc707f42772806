//! Streams of what no turn handle took.

use std::sync::Arc;

use crate::connection::event_queue::{EventSender, Notification};
use crate::connection::router::announced::Announced;
use crate::connection::router::known_threads::KnownThreads;
use crate::error::Error;

/// A subscription to what no turn handle took.
#[derive(Debug)]
struct Subscriber {
    topic: Topic,
    events: EventSender,
}

/// What a subscription covers.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    Everything,
    /// What belongs to this thread.
    Thread(Arc<str>),
    /// Everything on this thread, including what turn handles take.
    All(Arc<str>),
    /// What belongs to a sub-agent of this thread, or to one of its sub-agents.
    Agents(Arc<str>),
    /// The ends of logins to the account and to MCP servers.
    Logins,
}

/// The state of a thread when watching it begins.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// The turn that ended last.
    pub(crate) ended: Option<String>,
    /// The turn that is known to run.
    pub(crate) turn: Option<String>,
    /// Its unfinished items.
    pub(crate) running: Vec<Announced>,
}

#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Vec<Subscriber>);

impl Subscriptions {
    pub(crate) fn add(&mut self, topic: Topic, events: EventSender) {
        self.0.retain(|other| !other.events.is_over());
        self.0.push(Subscriber { topic, events });
    }

    /// Delivers a notification to the subscriptions, or returns it if there is none for it.
    pub(super) fn publish(
        &mut self,
        notification: Notification,
        bytes: usize,
        known: &KnownThreads,
    ) -> Option<Notification> {
        let matching = |subscriber: &&Subscriber| subscriber.topic.holds(&notification, known);
        let mut left = self.0.iter().filter(matching).count();
        if left == 0 {
            return Some(notification);
        }
        let mut notification = Some(notification);
        self.0.retain(|subscriber| {
            if !matches!(&notification, Some(it) if subscriber.topic.holds(it, known)) {
                return true;
            }
            left -= 1;
            let own = match left {
                0 => notification.take(),
                _ => notification.clone(),
            };
            own.is_none_or(|own| subscriber.events.push(Ok(own), bytes))
        });
        None
    }

    /// Delivers a copy to each subscription that this is for.
    pub(super) fn show(&mut self, notification: &Notification, bytes: usize, known: &KnownThreads) {
        self.0.retain(|subscriber| {
            !subscriber.topic.holds(notification, known)
                || subscriber.events.push(Ok(notification.clone()), bytes)
        });
    }

    /// Reports something unreadable to the subscriptions of this thread and to those to everything.
    /// Without a known thread, only to the latter.
    pub(crate) fn lose(&mut self, thread_id: Option<&str>, error: &Error, bytes: usize) {
        self.0.retain(|subscriber| {
            !subscriber.topic.holds_lost(thread_id)
                || subscriber.events.push(Err(error.clone()), bytes)
        });
    }

    /// Ends all of them with an error.
    pub(crate) fn close(&mut self, error: &Error) {
        for subscriber in self.0.drain(..) {
            subscriber.events.push(Err(error.clone()), 0);
        }
    }
}

impl Topic {
    fn holds(&self, notification: &Notification, known: &KnownThreads) -> bool {
        let thread_id = notification.thread_id();
        match self {
            Self::Everything => true,
            Self::Thread(id) | Self::All(id) => thread_id == Some(id),
            Self::Agents(of) => thread_id.is_some_and(|id| *id != **of && known.descends(id, of)),
            Self::Logins => matches!(
                notification,
                Notification::AccountLoginCompleted(_)
                    | Notification::McpServerOauthLoginCompleted(_)
            ),
        }
    }

    /// Whether something unreadable, of this thread or of none, belongs here.
    fn holds_lost(&self, thread_id: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Thread(id) | Self::All(id) => thread_id == Some(id),
            Self::Agents(_) | Self::Logins => false,
        }
    }
}
