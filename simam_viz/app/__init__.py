"""Everything that imports Streamlit: what the person looks at, the sidebar, and the parts that pages share."""
