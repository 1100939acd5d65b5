"""Small asyncio tools, independent of sessions."""
