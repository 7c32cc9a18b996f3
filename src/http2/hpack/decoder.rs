//! From header blocks to fields (RFC 7541 §3).

use super::error::HpackError;
use super::static_table::{self, Known};
use super::table::{Name, Table};
use super::{DEFAULT_TABLE_BYTES, MAX_TABLE_BYTES, huffman, integer};

/// How many size updates a block may begin with: the least that the limit was, and what it is (RFC 7541 §4.2).
const MAX_SIZE_UPDATES: u8 = 2;

/// Receives the fields of a block, in order. The slices live for the call only: who keeps a field copies it, and looks
/// at the lengths first, because one byte of a block can stand for 4 KB.
pub trait FieldSink {
    /// A field. Neither name nor value has been checked.
    fn field(&mut self, name: &[u8], value: &[u8]);

    /// A field whose name is one of the static table's, named there by its number.
    #[inline]
    fn known(&mut self, name: Known, value: &[u8]) {
        self.field(name.as_bytes(), value);
    }
}

/// The decoding side of a connection.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// What our SETTINGS allow the table to hold.
    limit: usize,
}

/// A string of a block.
#[derive(Clone, Copy)]
enum Text<'b> {
    /// Lies in the block.
    Block(&'b [u8]),
    /// Lies in the table's tail, with this length.
    Tail(usize),
}

/// The name of a field of a block.
#[derive(Clone, Copy)]
enum FieldName<'b> {
    Known(Known),
    /// That of the entry with this number.
    Entry(usize),
    Text(Text<'b>),
}

impl Decoder {
    /// A decoder whose table may hold `table_bytes` (as RFC 7541 §4.1 counts), what our SETTINGS_HEADER_TABLE_SIZE says.
    /// More than [`super::MAX_TABLE_BYTES`] is that much. Less than 4096 is in force from the start, although the peer
    /// learns of it later (RFC 9113 §6.5.3): who offers less must expect errors of peers that are quick.
    pub fn new(table_bytes: u32) -> Self {
        let limit = table_bytes.min(MAX_TABLE_BYTES) as usize;
        Self { table: Table::new(limit.min(DEFAULT_TABLE_BYTES as usize)), limit }
    }

    /// What the entries of the table count (RFC 7541 §4.1), in bytes.
    pub fn table_bytes(&self) -> usize {
        self.table.size()
    }

    /// Memory that the decoder holds on the heap, in bytes. Nothing before the first entry; afterwards, between blocks, at
    /// most two times what the table may hold, and 8 bytes for each of its entries.
    pub fn held(&self) -> usize {
        self.table.held()
    }

    /// Decodes one whole header block, all fragments joined, and gives each field to `sink`.
    ///
    /// # Errors
    ///
    /// When the block is malformed. The decoder is of no further use then: the tables are out of step.
    pub fn decode(&mut self, block: &[u8], sink: &mut impl FieldSink) -> Result<(), HpackError> {
        let mut at = 0;
        let mut updates_left = MAX_SIZE_UPDATES;
        while let Some(&first) = block.get(at) {
            at += 1;
            // RFC 7541 §6.1, §6.2.1, §6.3, §6.2.2 and §6.2.3, in this order.
            if first >= 0x80 {
                let index = integer::read(block, &mut at, first, 0x7f)?;
                self.indexed(index, sink)?;
            } else if first >= 0x40 {
                let index = integer::read(block, &mut at, first, 0x3f)?;
                self.remembered(block, &mut at, index, sink)?;
            } else if first >= 0x20 {
                let size = integer::read(block, &mut at, first, 0x1f)?;
                updates_left = self.resize(size, updates_left)?;
                continue;
            } else {
                let index = integer::read(block, &mut at, first, 0x0f)?;
                self.passing(block, &mut at, index, sink)?;
            }
            updates_left = 0;
        }
        self.table.trim();
        Ok(())
    }

    /// A field that is an entry.
    #[inline]
    fn indexed(&self, index: usize, sink: &mut impl FieldSink) -> Result<(), HpackError> {
        if let Some((known, value)) = static_table::entry(index) {
            sink.known(known, value.as_bytes());
            return Ok(());
        }
        let number = index.checked_sub(static_table::ENTRIES + 1).ok_or(HpackError::UnknownIndex)?;
        match self.table.get(number).ok_or(HpackError::UnknownIndex)? {
            (Name::Known(known), value) => sink.known(known, value),
            (Name::Other(name), value) => sink.field(name, value),
        }
        Ok(())
    }

    /// A field that becomes an entry. What fits into the table is brought to its tail at once.
    fn remembered(
        &mut self,
        block: &[u8],
        at: &mut usize,
        index: usize,
        sink: &mut impl FieldSink,
    ) -> Result<(), HpackError> {
        let mut name = self.name(block, at, index)?;
        match name {
            FieldName::Entry(number) => {
                self.table.append_name(number);
                name = FieldName::Text(Text::Tail(self.table.tail().len()));
            }
            FieldName::Text(Text::Block(text)) if text.len() <= self.table.max() => {
                self.table.append(text);
                name = FieldName::Text(Text::Tail(text.len()));
            }
            FieldName::Known(_) | FieldName::Text(_) => {}
        }
        let mut value = self.text(block, at)?;
        if let Text::Block(text) = value
            && text.len() <= self.table.max()
        {
            self.table.append(text);
            value = Text::Tail(text.len());
        }
        self.give(name, value, sink);
        match (name, value) {
            (FieldName::Known(known), Text::Tail(_)) => self.table.commit(Some(known), 0),
            (FieldName::Text(Text::Tail(name)), Text::Tail(_)) => self.table.commit(None, name),
            // Larger than the table.
            (FieldName::Known(_) | FieldName::Entry(_) | FieldName::Text(_), _) => self.table.clear(),
        }
        Ok(())
    }

    /// A field that becomes no entry. Only what is Huffman coded is copied.
    fn passing(
        &mut self,
        block: &[u8],
        at: &mut usize,
        index: usize,
        sink: &mut impl FieldSink,
    ) -> Result<(), HpackError> {
        let name = self.name(block, at, index)?;
        let value = self.text(block, at)?;
        self.give(name, value, sink);
        self.table.drop_tail();
        Ok(())
    }

    /// The name with an index, or with index 0 the one that follows.
    #[inline]
    fn name<'b>(&mut self, block: &'b [u8], at: &mut usize, index: usize) -> Result<FieldName<'b>, HpackError> {
        if index == 0 {
            return self.text(block, at).map(FieldName::Text);
        }
        if let Some((known, _)) = static_table::entry(index) {
            return Ok(FieldName::Known(known));
        }
        let number = index - (static_table::ENTRIES + 1);
        match self.table.name(number).ok_or(HpackError::UnknownIndex)? {
            Name::Known(known) => Ok(FieldName::Known(known)),
            Name::Other(_) => Ok(FieldName::Entry(number)),
        }
    }

    /// The string that follows (RFC 7541 §5.2).
    #[inline]
    fn text<'b>(&mut self, block: &'b [u8], at: &mut usize) -> Result<Text<'b>, HpackError> {
        let &first = block.get(*at).ok_or(HpackError::Truncated)?;
        *at += 1;
        let length = integer::read(block, at, first, 0x7f)?;
        let text = block.get(*at..*at + length).ok_or(HpackError::Truncated)?;
        *at += length;
        if first & 0x80 == 0 {
            return Ok(Text::Block(text));
        }
        let room = self.table.room(huffman::bound(length) + huffman::SLACK);
        let length = huffman::decode(text, room)?;
        self.table.grow(length);
        Ok(Text::Tail(length))
    }

    /// Gives a field away. In the tail, the name precedes the value.
    #[inline]
    fn give(&self, name: FieldName<'_>, value: Text<'_>, sink: &mut impl FieldSink) {
        let tail = self.table.tail();
        let (front, value) = match value {
            Text::Block(value) => (tail, value),
            Text::Tail(length) => tail.split_at_checked(tail.len() - length).unwrap_or_default(),
        };
        match name {
            FieldName::Known(known) => sink.known(known, value),
            FieldName::Text(Text::Block(name)) => sink.field(name, value),
            FieldName::Text(Text::Tail(_)) => sink.field(front, value),
            FieldName::Entry(number) => match self.table.name(number) {
                Some(Name::Other(name)) => sink.field(name, value),
                Some(Name::Known(known)) => sink.known(known, value),
                None => {}
            },
        }
    }

    /// A size update (RFC 7541 §4.2, §6.3). Says how many may follow.
    #[cold]
    fn resize(&mut self, size: usize, updates_left: u8) -> Result<u8, HpackError> {
        let updates_left = updates_left.checked_sub(1).ok_or(HpackError::MisplacedSizeUpdate)?;
        if size > self.limit {
            return Err(HpackError::SizeUpdateTooLarge);
        }
        self.table.set_max(size);
        Ok(updates_left)
    }
}
