"""What fuzzing has found, each as a test."""
