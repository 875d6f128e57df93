//! Documents that other programs open. So far: workbooks (XLSX).

pub mod workbook;
