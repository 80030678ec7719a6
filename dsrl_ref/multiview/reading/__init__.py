"""Views and labels from files as people have them.

names     what views, labels and indices are called
files     every kind of file by its ending; matlab, hdf5, texts, frames read what they are called after
packed    tables that gzip has packed
headings  whether the first line of a text is names of its columns
entries   what a file holds, an entry an array, out of its cells and structs
roles     which entries of a file are views, and which labels; folder the same for files, parts for columns of tables
indices   which column of a table names its samples
sideways  tables with a sample a column, turned by the names in their headings
align     tables whose samples have names, in one order
labels    labels in all their forms, as a vector
orientation  along which axis the samples lie
leaks     views that are the labels again
read      all of it, and the line that says what was read
"""

from dsrl_ref.multiview.reading.content import Options
from dsrl_ref.multiview.reading.read import Reading, options_of, read

__all__ = ["Options", "Reading", "options_of", "read"]
