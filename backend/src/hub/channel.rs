//! The channels a client may subscribe to. One more channel is one more row here.

use std::fmt;

/// A topic of spec 3.1, as named by `target`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    State,
    Preview,
    Layers,
    Chat,
}

impl Channel {
    /// Every channel there is, in the order of the specification.
    pub const ALL: [Self; 4] = [Self::State, Self::Preview, Self::Layers, Self::Chat];

    /// Its name on the wire and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Preview => "preview",
            Self::Layers => "layers",
            Self::Chat => "chat",
        }
    }

    /// The channel of that name; case matters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels(u8);

impl Channels {
    /// Reads a comma list such as `state,layers`. Duplicates count once, an empty list is `state`.
    ///
    /// # Errors
    /// The first name that is no channel.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut channels = Self::default();
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            channels.insert(Channel::parse(name).ok_or_else(|| name.to_owned())?);
        }
        if channels.is_empty() {
            channels.insert(Channel::State);
        }
        Ok(channels)
    }

    pub fn insert(&mut self, channel: Channel) {
        self.0 |= 1 << channel as u8;
    }

    pub fn remove(&mut self, channel: Channel) {
        self.0 &= !(1 << channel as u8);
    }

    pub const fn contains(self, channel: Channel) -> bool {
        self.0 & (1 << channel as u8) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::ALL
            .into_iter()
            .filter(move |channel| self.contains(*channel))
    }
}

impl FromIterator<Channel> for Channels {
    fn from_iter<I: IntoIterator<Item = Channel>>(channels: I) -> Self {
        let mut set = Self::default();
        channels.into_iter().for_each(|channel| set.insert(channel));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_specification_says() {
        let state: Channels = [Channel::State].into_iter().collect();
        assert_eq!(Channels::parse("state"), Ok(state));
        assert_eq!(Channels::parse(""), Ok(state));
        assert_eq!(Channels::parse("state,state"), Ok(state));
        assert_eq!(Channels::parse("State"), Err("State".to_owned()));
        assert_eq!(Channels::parse("state,video"), Err("video".to_owned()));
    }

    #[test]
    fn sets_add_and_take_away() {
        let all: Channels = Channel::ALL.into_iter().collect();
        let mut some = all;
        some.remove(Channel::Chat);
        assert_eq!(
            all.without(some).iter().collect::<Vec<_>>(),
            [Channel::Chat]
        );
        assert!(!some.contains(Channel::Chat) && some.union(all) == all);
    }
}
