"""What the package carries: trained weights and recorded studies."""
