"""What is sent to the API: the documents' loads, random play, and who sends them."""
