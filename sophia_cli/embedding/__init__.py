"""Text to vectors: the bundled ONNX model, any OpenAI-compatible endpoint, or torch."""
