"""The limits as they are told: question, expectation, advice, and what the numbers say."""
