"""Small asyncio tools, which know nothing of sessions."""
