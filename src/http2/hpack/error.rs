//! What is wrong with a header block.

/// Why a block cannot be decoded. Ends the connection with COMPRESSION_ERROR (RFC 9113 §4.3), because the tables are no
/// longer in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// The block ends within a field.
    #[error("header block ends within a field")]
    Truncated,
    /// A number has more bytes than any that is allowed (RFC 7541 §5.1).
    #[error("number in a header block is too long")]
    NumberTooLong,
    /// Index 0, or one behind the last entry (RFC 7541 §6.1, §2.3.3).
    #[error("header block names an entry that no table has")]
    UnknownIndex,
    /// A table size update behind a field, or a third one (RFC 7541 §4.2).
    #[error("table size update where none may be")]
    MisplacedSizeUpdate,
    /// A table size update above what SETTINGS allow (RFC 7541 §6.3).
    #[error("table size update above the limit")]
    SizeUpdateTooLarge,
    /// Bits behind the last Huffman symbol that are more than 7 or not all ones, or the symbol EOS (RFC 7541 §5.2).
    #[error("Huffman code is malformed")]
    Huffman,
}
