//! What is known about threads besides their turns, until they end.

use std::collections::{HashMap, VecDeque};
use std::iter::{once, successors};
use std::path::{Path, PathBuf};

use codex_types::{
    CollabAgentTool, DynamicToolCallParams, SubAgentActivityKind, ThreadItem, TokenUsageBreakdown,
};

use crate::connection::event_queue::Notification;
use crate::connection::router::bound::{Bound, is_odd};
use crate::tool::{Tool, Toolbox};

/// A longer chain of parents can only be a cycle.
const GENERATIONS: usize = 64;

/// How many ended turns of a thread are remembered. A request that comes late belongs to one of them.
const MOST_ENDED: usize = 16;
/// A client that knows of more threads forgets those that it hasn't opened.
const MOST: usize = 10_000;

#[derive(Debug)]
pub(super) struct KnownThreads {
    threads: HashMap<String, KnownThread>,
    bound: Bound,
}

impl Default for KnownThreads {
    fn default() -> Self {
        Self {
            threads: HashMap::new(),
            bound: Bound::new(MOST),
        }
    }
}

#[derive(Debug, Default)]
struct KnownThread {
    /// The thread that started this one for a sub-agent.
    parent: Option<String>,
    /// The tools that this program gave it.
    tools: Toolbox,
    used: Option<TokenUsageBreakdown>,
    /// Its working folder, if it has other writable roots.
    folder: Option<PathBuf>,
    /// The turns that ended last, the newest at the end.
    ended: VecDeque<String>,
    /// Whether this program has opened it.
    opened: bool,
}

impl KnownThread {
    /// Whether this program has given it something.
    fn is_opened(&self) -> bool {
        self.opened || !self.tools.is_empty()
    }
}

impl KnownThreads {
    fn known(&mut self, thread_id: &str) -> &mut KnownThread {
        if self.bound.is_reached(self.threads.len()) && !self.threads.contains_key(thread_id) {
            self.threads.retain(|_, it| it.is_opened());
            self.bound.cleared(self.threads.len());
        }
        self.threads.entry(thread_id.to_owned()).or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    pub(super) fn observe(&mut self, notification: &Notification) {
        match notification {
            Notification::ThreadStarted(it) => {
                if let Some(parent) = &it.thread.parent_thread_id {
                    self.adopt(&it.thread.id, parent);
                }
            }
            // The runtime doesn't announce sub-agents by `thread/started`, only by an item of the parent.
            Notification::ItemStarted(it) => self.observe_item(&it.thread_id, &it.item),
            Notification::ItemCompleted(it) => self.observe_item(&it.thread_id, &it.item),
            Notification::ThreadTokenUsageUpdated(it) => {
                let known = self.known(&it.thread_id);
                known.used = Some(it.token_usage.total.clone());
            }
            Notification::ThreadSettingsUpdated(it) => {
                self.moved(&it.thread_id, Path::new(it.thread_settings.cwd.as_str()));
            }
            _ => {}
        }
    }

    fn observe_item(&mut self, thread_id: &str, item: &ThreadItem) {
        match item {
            ThreadItem::SubAgentActivity(it) => {
                let starts = it.kind == SubAgentActivityKind::Started;
                self.adopt_if(starts, &it.agent_thread_id, thread_id);
            }
            ThreadItem::CollabAgentToolCall(it) => {
                let starts = it.tool == CollabAgentTool::SpawnAgent;
                for child in &it.receiver_thread_ids {
                    self.adopt_if(starts, child, &it.sender_thread_id);
                }
            }
            _ => {}
        }
    }

    /// The thread that starts another is its parent. If the parent isn't known, a thread that deals with the child is
    /// taken for it: the child was started before this client saw it, or has been unloaded since.
    fn adopt_if(&mut self, starts: bool, child: &str, parent: &str) {
        if starts || (self.parent(child).is_none() && !self.descends(parent, child)) {
            self.adopt(child, parent);
        }
    }

    /// Whether a thread is `from`, or descends from it.
    pub(super) fn descends(&self, thread_id: &str, from: &str) -> bool {
        thread_id == from || self.parents(thread_id).any(|parent| parent == from)
    }

    /// The ancestors of a thread, nearest first.
    pub(super) fn parents(&self, thread_id: &str) -> impl Iterator<Item = &str> + use<'_> {
        successors(self.parent(thread_id), |thread_id| self.parent(thread_id)).take(GENERATIONS)
    }

    fn adopt(&mut self, child: &str, parent: &str) {
        if is_odd(child) || is_odd(parent) {
            return;
        }
        let known = self.known(child);
        known.parent = Some(parent.to_owned());
    }

    pub(super) fn used(&self, thread_id: &str) -> Option<TokenUsageBreakdown> {
        self.threads.get(thread_id)?.used.clone()
    }

    /// Records a thread that this program has opened, and its working folder if it has other writable roots.
    pub(super) fn open(&mut self, thread_id: &str, folder: Option<PathBuf>) {
        let known = self.known(thread_id);
        known.opened = true;
        known.folder = folder;
    }

    /// Records a thread's new working folder.
    pub(super) fn moved(&mut self, thread_id: &str, to: &Path) {
        let known = self.threads.get_mut(thread_id);
        if let Some(folder) = known.and_then(|known| known.folder.as_mut()) {
            *folder = folder.join(to);
        }
    }

    pub(super) fn folder(&self, thread_id: &str) -> Option<&Path> {
        self.threads.get(thread_id)?.folder.as_deref()
    }

    pub(super) fn parent(&self, thread_id: &str) -> Option<&str> {
        self.threads.get(thread_id)?.parent.as_deref()
    }

    /// Records the end of a turn.
    pub(super) fn end_turn(&mut self, thread_id: &str, turn_id: &str) {
        if is_odd(thread_id) || is_odd(turn_id) {
            return;
        }
        let known = self.known(thread_id);
        if known.ended.len() == MOST_ENDED {
            known.ended.pop_front();
        }
        known.ended.push_back(turn_id.to_owned());
    }

    /// The turn that was seen to end last.
    pub(super) fn ended(&self, thread_id: &str) -> Option<&str> {
        self.threads.get(thread_id)?.ended.back().map(|it| &**it)
    }

    /// Whether this turn was seen to end, and few since.
    pub(super) fn has_ended(&self, thread_id: &str, turn_id: &str) -> bool {
        let known = self.threads.get(thread_id);
        known.is_some_and(|known| known.ended.iter().any(|it| it == turn_id))
    }

    /// Gives a thread its tools, or those of its source if it has none of its own. The caller drops the returned old
    /// tools: what they hold may use the client, which needs the lock.
    pub(super) fn equip(
        &mut self,
        thread_id: &str,
        source: Option<&str>,
        tools: Toolbox,
    ) -> Option<Toolbox> {
        let inherited = || Some(self.threads.get(source?)?.tools.clone());
        let tools = if tools.is_empty() {
            inherited()?
        } else {
            tools
        };
        let known = self.known(thread_id);
        Some(std::mem::replace(&mut known.tools, tools))
    }

    /// Gives a thread its old tools back. The caller drops the returned ones.
    pub(super) fn restore(&mut self, thread_id: &str, tools: Toolbox) -> Option<Toolbox> {
        let known = self.threads.get_mut(thread_id)?;
        let now = std::mem::replace(&mut known.tools, tools);
        let is_known = known.parent.is_some()
            || known.used.is_some()
            || !known.ended.is_empty()
            || known.opened;
        if known.tools.is_empty() && !is_known {
            self.threads.remove(thread_id);
        }
        Some(now)
    }

    /// The called tool: the thread's own, else that of its nearest ancestor that has one.
    pub(super) fn tool(&self, call: &DynamicToolCallParams) -> Option<Tool> {
        let mut threads = once(&*call.thread_id).chain(self.parents(&call.thread_id));
        threads.find_map(|thread_id| self.threads.get(thread_id)?.tools.find(call))
    }

    /// Forgets everything about this thread and its sub-agents, whose ends may never be reported. The caller drops the
    /// returned tools.
    pub(super) fn forget(&mut self, thread_id: &str) -> Option<Toolbox> {
        let known = self.threads.remove(thread_id);
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        // A child that this client has opened, too, stays until its own end.
        for (id, child) in self.threads.iter().filter(|(_, it)| !it.is_opened()) {
            if let Some(parent) = &child.parent {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut gone = children.remove(thread_id).unwrap_or_default();
        let mut next = 0;
        while let Some(child) = gone.get(next) {
            gone.extend(children.remove(child).unwrap_or_default());
            next += 1;
        }
        let gone: Vec<_> = gone.into_iter().map(str::to_owned).collect();
        for child in gone {
            self.threads.remove(&child);
        }
        known.map(|known| known.tools)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::KnownThreads;

    #[test]
    fn a_sub_agent_whose_parent_is_not_known_belongs_to_whoever_deals_with_it() {
        let mut known = KnownThreads::default();
        known.adopt_if(false, "child", "root");
        assert_eq!(known.parent("child"), Some("root"));
        // Neither a sibling that talks to it nor a child that talks to its parent becomes a parent.
        known.adopt_if(true, "sibling", "root");
        known.adopt_if(false, "child", "sibling");
        known.adopt_if(false, "root", "child");
        known.adopt_if(false, "other", "other");
        assert_eq!(known.parent("child"), Some("root"));
        assert_eq!(known.parent("root"), None);
        assert_eq!(known.parent("other"), None);
        known.forget("child");
        known.adopt_if(false, "child", "root");
        assert_eq!(known.parent("child"), Some("root"));
    }

    #[test]
    fn sub_agents_are_forgotten_with_the_thread_that_made_them() {
        let mut known = KnownThreads::default();
        for (child, parent) in [("b", "a"), ("c", "b"), ("other", "x"), ("self", "self")] {
            known.adopt(child, parent);
        }
        known.end_turn("a", "1");
        known.forget("a");
        known.forget("self");
        assert_eq!(known.count(), 1);
        assert_eq!(known.parent("other"), Some("x"));
    }

    #[test]
    fn the_folder_of_a_thread_is_known_only_where_it_has_other_roots() {
        let mut known = KnownThreads::default();
        known.open("a", None);
        known.moved("a", Path::new("/elsewhere"));
        assert_eq!((known.folder("a"), known.count()), (None, 1));
        known.open("a", Some("/srv".into()));
        known.moved("a", Path::new("deep"));
        assert_eq!(known.folder("a"), Some(Path::new("/srv/deep")));
        known.moved("a", Path::new("/elsewhere"));
        assert_eq!(known.folder("a"), Some(Path::new("/elsewhere")));
        // Resumed with only its folder.
        known.open("a", None);
        assert_eq!(known.folder("a"), None);
    }
}
