"""Fine-tunes small and large language models on multiple-choice reading questions."""
