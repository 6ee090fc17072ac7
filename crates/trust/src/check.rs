//! Six little pictures for a key, so that a person who looks at two screens sees at once whether they mean the same
//! device.

use crate::NodeId;

/// A picture and its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Emoji {
    /// One character, without a skin or a colour of its own choice.
    pub emoji: &'static str,
    /// Lower case, for a front end to look up its word.
    pub key: &'static str,
    /// In English.
    pub english: &'static str,
    /// In German.
    pub german: &'static str,
}

impl NodeId {
    /// Six pictures from the BLAKE3 hash of the key: 36 bits.
    ///
    /// They help to *recognise* a device, as a face does. They are no proof: who has days of computing time can make a
    /// key with the same six. What a person is to rely on is the code, or the whole of [`NodeId::check_words`].
    #[must_use]
    pub fn check_emoji(&self) -> [&'static Emoji; 6] {
        let hash = blake3::derive_key("lanyard 2026-11 check emoji v1", self.as_bytes());
        let [a, b, c, d, e, f, ..] = hash;
        [a, b, c, d, e, f].map(|byte| &EMOJI[usize::from(byte % 64)])
    }
}

const fn emoji(emoji: &'static str, key: &'static str, english: &'static str, german: &'static str) -> Emoji {
    Emoji { emoji, key, english, german }
}

/// Pictures that look different on every system and in black and white, and whose words sound different. The order is
/// a part of the protocol: two versions must show the same.
pub const EMOJI: [Emoji; 64] = [
    emoji("🐶", "dog", "Dog", "Hund"),
    emoji("🐱", "cat", "Cat", "Katze"),
    emoji("🦁", "lion", "Lion", "Löwe"),
    emoji("🐴", "horse", "Horse", "Pferd"),
    emoji("🐷", "pig", "Pig", "Schwein"),
    emoji("🐘", "elephant", "Elephant", "Elefant"),
    emoji("🐰", "rabbit", "Rabbit", "Hase"),
    emoji("🐼", "panda", "Panda", "Panda"),
    emoji("🐧", "penguin", "Penguin", "Pinguin"),
    emoji("🐢", "turtle", "Turtle", "Schildkröte"),
    emoji("🐟", "fish", "Fish", "Fisch"),
    emoji("🐙", "octopus", "Octopus", "Tintenfisch"),
    emoji("🦋", "butterfly", "Butterfly", "Schmetterling"),
    emoji("🐝", "bee", "Bee", "Biene"),
    emoji("🐌", "snail", "Snail", "Schnecke"),
    emoji("🦉", "owl", "Owl", "Eule"),
    emoji("🌷", "tulip", "Tulip", "Tulpe"),
    emoji("🌳", "tree", "Tree", "Baum"),
    emoji("🌵", "cactus", "Cactus", "Kaktus"),
    emoji("🍄", "mushroom", "Mushroom", "Pilz"),
    emoji("🌍", "globe", "Globe", "Erdball"),
    emoji("🌙", "moon", "Moon", "Mond"),
    emoji("🌈", "rainbow", "Rainbow", "Regenbogen"),
    emoji("🔥", "fire", "Fire", "Feuer"),
    emoji("⛄", "snowman", "Snowman", "Schneemann"),
    emoji("🍌", "banana", "Banana", "Banane"),
    emoji("🍎", "apple", "Apple", "Apfel"),
    emoji("🍓", "strawberry", "Strawberry", "Erdbeere"),
    emoji("🍉", "melon", "Melon", "Melone"),
    emoji("🌽", "corn", "Corn", "Mais"),
    emoji("🥕", "carrot", "Carrot", "Karotte"),
    emoji("🍕", "pizza", "Pizza", "Pizza"),
    emoji("🎂", "cake", "Cake", "Torte"),
    emoji("🧀", "cheese", "Cheese", "Käse"),
    emoji("🥚", "egg", "Egg", "Ei"),
    emoji("🤖", "robot", "Robot", "Roboter"),
    emoji("👻", "ghost", "Ghost", "Gespenst"),
    emoji("👓", "glasses", "Glasses", "Brille"),
    emoji("👑", "crown", "Crown", "Krone"),
    emoji("🎩", "hat", "Hat", "Hut"),
    emoji("☂\u{fe0f}", "umbrella", "Umbrella", "Regenschirm"),
    emoji("⌛", "hourglass", "Hourglass", "Sanduhr"),
    emoji("🎁", "gift", "Gift", "Geschenk"),
    emoji("💡", "bulb", "Light bulb", "Glühbirne"),
    emoji("📖", "book", "Book", "Buch"),
    emoji("✂\u{fe0f}", "scissors", "Scissors", "Schere"),
    emoji("🔑", "key", "Key", "Schlüssel"),
    emoji("🔨", "hammer", "Hammer", "Hammer"),
    emoji("☎\u{fe0f}", "telephone", "Telephone", "Telefon"),
    emoji("🚂", "locomotive", "Locomotive", "Lokomotive"),
    emoji("🚲", "bicycle", "Bicycle", "Fahrrad"),
    emoji("🚗", "car", "Car", "Auto"),
    emoji("✈\u{fe0f}", "aeroplane", "Aeroplane", "Flugzeug"),
    emoji("🚀", "rocket", "Rocket", "Rakete"),
    emoji("⛵", "sailing_boat", "Sailing boat", "Segelboot"),
    emoji("🏆", "trophy", "Trophy", "Pokal"),
    emoji("⚽", "ball", "Ball", "Ball"),
    emoji("🎲", "die", "Die", "Würfel"),
    emoji("🎸", "guitar", "Guitar", "Gitarre"),
    emoji("🎺", "trumpet", "Trumpet", "Trompete"),
    emoji("🥁", "drum", "Drum", "Trommel"),
    emoji("🔔", "bell", "Bell", "Glocke"),
    emoji("⚓", "anchor", "Anchor", "Anker"),
    emoji("🎈", "balloon", "Balloon", "Luftballon"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_pictures_and_no_two_words_are_the_same() {
        let words: [fn(&Emoji) -> &str; 4] = [|it| it.emoji, |it| it.key, |it| it.english, |it| it.german];
        for word in words {
            let different: BTreeSet<&str> = EMOJI.iter().map(word).collect();
            assert_eq!(different.len(), 64);
        }
        assert!(EMOJI.iter().all(|emoji| emoji.key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn a_device_always_has_the_same_pictures_and_another_has_others() {
        let keys = |byte: u8| NodeId::from_bytes([byte; 32]).check_emoji().map(|emoji| emoji.key);
        assert_eq!(keys(1), PICTURES_OF_ONE, "they are a part of the protocol");
        let all: BTreeSet<_> = (0..=255).map(keys).collect();
        assert_eq!(all.len(), 256);
        let shown: BTreeSet<_> = all.iter().flatten().collect();
        assert_eq!(shown.len(), 64, "every picture is used");
    }

    const PICTURES_OF_ONE: [&str; 6] = ["cheese", "anchor", "guitar", "mushroom", "rainbow", "penguin"];
}
